#include "worker/train/export_weights.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"
#include "worker/models/safetensors.h"
#include "worker/train/whole_file.h"

namespace pretext {

absl::StatusOr<std::vector<std::string>> ExportStage(const std::string& output, const std::string& stage,
                                                     const BackboneModule& backbone, const WeightsCard& card,
                                                     const ExportedHead& head) {
  const std::string folder = output + "/exported";
  PRETEXT_RETURN_IF_ERROR(MakeFolders(folder));
  const std::string relative = absl::StrCat("exported/", stage, ".safetensors");
  if (head.tensors.empty()) {
    PRETEXT_RETURN_IF_ERROR(ExportBackbone(absl::StrCat(output, "/", relative), backbone, card));
  } else {
    StateDict tensors = MakeStateDict(backbone);
    tensors.insert(head.tensors.begin(), head.tensors.end());
    std::map<std::string, std::string> metadata = card.ToMetadata();
    metadata["pretext.classes"] = nlohmann::json(head.classes).dump();
    const std::string path = absl::StrCat(output, "/", relative);
    const std::string partial = path + ".partial";
    PRETEXT_RETURN_IF_ERROR(WriteSafetensors(partial, tensors, metadata));
    if (std::rename(partial.c_str(), path.c_str()) != 0) {
      return absl::UnavailableError(absl::StrCat("cannot rename ", partial, " to ", path));
    }
  }
  PRETEXT_RETURN_IF_ERROR(ExportBackbone(folder + "/backbone.safetensors", backbone, card));
  PRETEXT_RETURN_IF_ERROR(SyncFolder(folder));
  return std::vector<std::string>{relative};
}

}  // namespace pretext
