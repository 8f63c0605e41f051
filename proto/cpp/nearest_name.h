#ifndef PRETEXT_PROTO_CPP_NEAREST_NAME_H_
#define PRETEXT_PROTO_CPP_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pretext {

// Letters to insert, delete, replace or swap with their neighbour to get from `a` to `b` (optimal string
// alignment); case is ignored.
int EditDistance(absl::string_view a, absl::string_view b);

// The candidate that `name` was most likely meant to be: the nearest one, if at most a third of its letters
// (at least one) differ, or one that `name` begins. Empty when none is near. The first of equals wins.
std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates);

// "; did you mean NEAREST?" or, when none is near, "; it is one of A, B, C" ("" for no
// candidates). Of many, only the first are named.
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_NEAREST_NAME_H_
