#include "worker/train/resolved_spec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/message_digest.h"
#include "worker/checkpoint/whole_file.h"

namespace pretext {
namespace {

absl::string_view KindOf(const v1::Stage& stage) {
  return stage.has_pretrain() ? "pretrain" : stage.has_finetune() ? "finetune" : "evaluate";
}

}  // namespace

std::string DigestOfJob(const v1::JobSpec& spec) {
  v1::JobSpec computed;
  *computed.mutable_data() = spec.data();
  *computed.mutable_stages() = spec.stages();
  computed.set_seed(spec.seed());
  return DigestOfMessage(computed);
}

ResolvedSpec::ResolvedSpec(v1::JobSpec spec) : spec_(std::move(spec)), origins_(RecallOrigins(spec_)) {}

void ResolvedSpec::SetStage(int index, const v1::Stage& stage, const std::vector<ResolvedField>& fields) {
  *spec_.mutable_stages(index) = stage;
  for (const ResolvedField& field : fields) {
    origins_[absl::StrCat("stages[", index, "].", KindOf(stage), ".", field.path)] = field.origin;
  }
}

void ResolvedSpec::SetResources(const v1::Resources& resources, const std::vector<ResolvedField>& fields) {
  *spec_.mutable_resources() = resources;
  for (const ResolvedField& field : fields) {
    origins_[absl::StrCat("resources.", field.path)] = field.origin;
  }
}

absl::Status ResolvedSpec::Write(const std::string& path) const {
  return WriteWholeFile(path, SpecToYaml(spec_, origins_));
}

}  // namespace pretext
