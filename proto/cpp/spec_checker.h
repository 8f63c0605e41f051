#ifndef PRETEXT_PROTO_CPP_SPEC_CHECKER_H_
#define PRETEXT_PROTO_CPP_SPEC_CHECKER_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/utf8.h"

namespace pretext {

// What the checks of one message of a specification share: where it stands and where faults go. The usual
// checks add a fault that says what the field must be and what it is.
class SpecChecker {
 public:
  SpecChecker(FieldViolations* violations, std::string path)
      : violations_(violations), path_(std::move(path)) {}

  SpecChecker Within(absl::string_view field) const { return SpecChecker(violations_, PathOf(field)); }
  SpecChecker Within(absl::string_view field, int index) const {
    return SpecChecker(violations_, absl::StrCat(PathOf(field), "[", index, "]"));
  }

  void Fault(absl::string_view field, std::string description) const {
    violations_->Add(PathOf(field), std::move(description));
  }
  // About the message itself.
  void Fault(std::string description) const { violations_->Add(path_, std::move(description)); }

  void InRange(absl::string_view field, double value, double least, double most) const {
    if (std::isfinite(value) && value >= least && value <= most) return;
    Fault(field, absl::StrCat("must be between ", least, " and ", most, ", not ", value));
  }
  void Probability(absl::string_view field, double value) const { InRange(field, value, 0, 1); }
  void Positive(absl::string_view field, double value) const {
    if (value > 0 && value <= kLargestFactor) return;
    Fault(field, value > 0 ? absl::StrCat("must be at most ", kLargestFactor, ", not ", value)
                           : absl::StrCat("must be more than 0, not ", value));
  }
  void NotNegative(absl::string_view field, double value) const {
    if (value >= 0 && value <= kLargestFactor) return;
    Fault(field, value > 0 ? absl::StrCat("must be at most ", kLargestFactor, ", not ", value)
                           : absl::StrCat("must be 0 or more, not ", value));
  }
  void CountInRange(absl::string_view field, int64_t value, int64_t least, int64_t most) const {
    if (value >= least && value <= most) return;
    Fault(field, absl::StrCat("must be between ", least, " and ", most, ", not ", value));
  }
  void CountNotNegative(absl::string_view field, int64_t value) const {
    if (value < 0) Fault(field, absl::StrCat("must be 0 or more, not ", value));
  }
  void AbsolutePath(absl::string_view field, const std::string& path) const {
    if (!IsValidUtf8(path))
      return Fault(field, absl::StrCat("must be UTF-8, which ", Quoted(path), " is not; rename it"));
    if (absl::StartsWith(path, "/")) return;
    Fault(field,
          absl::StrCat("must be an absolute path, as the worker's machine sees it, not ", Quoted(path)));
  }
  // proto3 keeps numbers of enum values it does not know.
  template <typename Predicate>
  void KnownValue(absl::string_view field, int value, Predicate is_valid) const {
    if (!is_valid(value)) Fault(field, absl::StrCat("has the unknown value ", value));
  }

 private:
  // Of rates, weights, temperatures and penalties: far beyond what anybody needs, and far enough from where
  // products of them overflow.
  static constexpr double kLargestFactor = 1e6;

  std::string PathOf(absl::string_view field) const {
    return path_.empty() ? std::string(field) : absl::StrCat(path_, ".", field);
  }

  FieldViolations* violations_;
  std::string path_;
};

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SPEC_CHECKER_H_
