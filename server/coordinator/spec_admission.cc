#include "server/coordinator/spec_admission.h"

#include "absl/strings/str_cat.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/message_digest.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/validate.h"

namespace pretext {
namespace {

v1::InitSpec* InitOf(v1::Stage& stage) {
  switch (stage.kind_case()) {
    case v1::Stage::kPretrain:
      return stage.pretrain().has_init() ? stage.mutable_pretrain()->mutable_init() : nullptr;
    case v1::Stage::kFinetune:
      return stage.finetune().has_init() ? stage.mutable_finetune()->mutable_init() : nullptr;
    case v1::Stage::kEvaluate:
      return stage.evaluate().has_init() ? stage.mutable_evaluate()->mutable_init() : nullptr;
    default:
      return nullptr;
  }
}

absl::string_view KindName(const v1::Stage& stage) {
  switch (stage.kind_case()) {
    case v1::Stage::kPretrain:
      return "pretrain";
    case v1::Stage::kFinetune:
      return "finetune";
    case v1::Stage::kEvaluate:
      return "evaluate";
    default:
      return "";
  }
}

}  // namespace

std::string DigestOfSpec(const v1::JobSpec& spec) { return DigestOfMessage(spec); }

absl::Status CompleteSpec(v1::JobSpec* spec) {
  ApplyDefaults(spec);
  return ValidateJobSpec(*spec);
}

absl::Status ResolveJobReferences(const ClusterState& state, v1::JobSpec* spec) {
  FieldViolations faults;
  for (int i = 0; i < spec->stages_size(); ++i) {
    v1::InitSpec* init = InitOf(*spec->mutable_stages(i));
    if (init == nullptr || init->from_case() != v1::InitSpec::kJob) continue;
    const std::string path = absl::StrCat("stages[", i, "].", KindName(spec->stages(i)), ".init.job");
    const std::string name = init->job();
    const JobRecord* other = state.FindJob(name);
    if (other == nullptr) {
      faults.Add(path, absl::StrCat("there is no job ", Quoted(name), " here"));
    } else if (other->state != v1::Job::SUCCEEDED && other->finished_stages.empty()) {
      faults.Add(path, absl::StrCat(name, " has not finished a stage yet (it is ",
                                    v1::Job::State_Name(other->state), "); wait for it"));
    } else {
      init->set_file(other->spec.output());
    }
  }
  return faults.ToStatus("INVALID_SPEC");
}

}  // namespace pretext
