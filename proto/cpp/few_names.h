#ifndef PRETEXT_PROTO_CPP_FEW_NAMES_H_
#define PRETEXT_PROTO_CPP_FEW_NAMES_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {

// For messages: the first `shown` names and how many more there are, "a, b and 998 more".
inline std::string FewNames(const std::vector<std::string>& names, size_t shown = 5) {
  shown = std::min(shown, names.size());
  return absl::StrCat(absl::StrJoin(names.begin(), names.begin() + shown, ", "),
                      names.size() > shown ? absl::StrCat(" and ", names.size() - shown, " more") : "");
}

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_FEW_NAMES_H_
