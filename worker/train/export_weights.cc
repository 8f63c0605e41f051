#include "worker/train/export_weights.h"

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"
#include "worker/models/safetensors.h"
#include "worker/train/whole_file.h"

namespace pretext {
namespace {

absl::Status ExportWithHead(const std::string& path, const StageExport& stage) {
  StateDict tensors = MakeStateDict(*stage.backbone);
  tensors.insert(stage.head.tensors.begin(), stage.head.tensors.end());
  std::map<std::string, std::string> metadata = stage.card.ToMetadata();
  metadata["pretext.classes"] = nlohmann::json(stage.head.classes).dump();
  const std::string partial = path + ".partial";
  PRETEXT_RETURN_IF_ERROR(WriteSafetensors(partial, tensors, metadata));
  if (std::rename(partial.c_str(), path.c_str()) != 0) return FileError("rename to", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExportStage(const StageExport& stage) {
  const std::string folder = stage.output + "/exported";
  PRETEXT_RETURN_IF_ERROR(MakeFolders(folder));
  const std::string relative = absl::StrCat("exported/", stage.stage, ".safetensors");
  const std::string path = absl::StrCat(stage.output, "/", relative);
  if (stage.head.tensors.empty()) {
    PRETEXT_RETURN_IF_ERROR(ExportBackbone(path, *stage.backbone, stage.card));
  } else {
    PRETEXT_RETURN_IF_ERROR(ExportWithHead(path, stage));
  }
  if (stage.is_the_jobs) {
    PRETEXT_RETURN_IF_ERROR(ExportBackbone(folder + "/backbone.safetensors", *stage.backbone, stage.card));
  }
  PRETEXT_RETURN_IF_ERROR(SyncFolder(folder));
  return std::vector<std::string>{relative};
}

bool IsTheJobsBackbone(const v1::JobSpec& spec, int stage) {
  if (spec.stages(stage).has_pretrain()) return true;
  for (const v1::Stage& other : spec.stages()) {
    if (other.has_pretrain()) return false;
  }
  return spec.stages(stage).has_finetune();
}

}  // namespace pretext
