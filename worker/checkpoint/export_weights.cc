#include "worker/checkpoint/export_weights.h"

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/whole_file.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

// The file appears whole or not at all; the folder is the caller's to sync.
absl::Status WriteExport(const std::string& path, const StateDict& tensors,
                         const std::map<std::string, std::string>& metadata) {
  const std::string partial = path + ".partial";
  PRETEXT_RETURN_IF_ERROR(WriteSafetensors(partial, tensors, metadata));
  if (std::rename(partial.c_str(), path.c_str()) != 0) return FileError("rename to", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExportStage(const StageExport& stage) {
  const std::string folder = stage.output + "/exported";
  PRETEXT_RETURN_IF_ERROR(MakeFolders(folder));
  const StateDict backbone = MakeStateDict(*stage.backbone);
  const std::map<std::string, std::string> card = stage.card.ToMetadata();
  StateDict tensors = backbone;
  std::map<std::string, std::string> metadata = card;
  if (!stage.head.tensors.empty()) {
    tensors.insert(stage.head.tensors.begin(), stage.head.tensors.end());
    metadata["pretext.classes"] = nlohmann::json(stage.head.classes).dump();
  }
  const std::string relative = absl::StrCat("exported/", stage.stage, ".safetensors");
  PRETEXT_RETURN_IF_ERROR(WriteExport(absl::StrCat(stage.output, "/", relative), tensors, metadata));
  if (stage.is_the_jobs) {
    PRETEXT_RETURN_IF_ERROR(WriteExport(folder + "/backbone.safetensors", backbone, card));
  }
  PRETEXT_RETURN_IF_ERROR(SyncFolder(folder));
  return std::vector<std::string>{relative};
}

absl::Status ForgetExport(const std::string& output, const std::string& name, const std::string& job_digest) {
  const std::string path = absl::StrCat(output, "/exported/", name, ".safetensors");
  const absl::StatusOr<SafetensorsFile> file = ReadSafetensors(path);
  if (!file.ok()) return absl::OkStatus();  // there is none, or what there is nobody can use
  const absl::StatusOr<WeightsCard> card = ParseWeightsCard(file->metadata);
  if (!card.ok() || card->job_digest != job_digest) return absl::OkStatus();
  if (std::remove(path.c_str()) != 0) return FileError("remove", path, errno);
  return absl::OkStatus();
}

bool IsTheJobsBackbone(const v1::JobSpec& spec, int stage) {
  if (spec.stages(stage).has_pretrain()) return true;
  for (const v1::Stage& other : spec.stages()) {
    if (other.has_pretrain()) return false;
  }
  return spec.stages(stage).has_finetune();
}

}  // namespace pretext
