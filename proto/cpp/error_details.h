#ifndef PRETEXT_PROTO_CPP_ERROR_DETAILS_H_
#define PRETEXT_PROTO_CPP_ERROR_DETAILS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pretext {

// Structured details of errors: google.rpc.ErrorInfo and google.rpc.BadRequest inside a serialised
// google.rpc.Status, kept as the payload of an absl::Status under this key. ToGrpcStatus sends them.
inline constexpr char kStatusDetailsKey[] = "type.googleapis.com/google.rpc.Status";

// One fault of one field, e.g. {"stages[0].pretrain.tasks[1].moco.temperature", "must be ..."}.
struct FieldViolation {
  std::string field;
  std::string description;

  friend bool operator==(const FieldViolation& a, const FieldViolation& b) {
    return a.field == b.field && a.description == b.description;
  }
};

// Collects every fault of a request, so that all are reported at once. Thread-compatible.
class FieldViolations {
 public:
  // Of a very long description the beginning is kept.
  void Add(const std::string& field, const std::string& description);

  bool empty() const { return violations_.empty(); }
  const std::vector<FieldViolation>& all() const { return violations_; }

  // OK when nothing was added; else INVALID_ARGUMENT whose message lists everything, with the violations and
  // `reason` (UPPER_SNAKE_CASE) attached. Of very many faults the first are listed, then "... and 212 more
  // faults", so that an answer can carry them; all() has the rest.
  absl::Status ToStatus(absl::string_view reason = "INVALID_FIELDS") const;

 private:
  std::vector<FieldViolation> violations_;
};

// `status` with ErrorInfo{reason, domain "pretext", metadata} attached; an earlier ErrorInfo is replaced. OK
// statuses are returned as they are.
absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata = {});

// `status` with a message that an answer can carry: the rest of a very long one is left out.
absl::Status FitToSend(const absl::Status& status);

// The reason attached to `status`; empty when there is none.
std::string GetReason(const absl::Status& status);

// The field violations attached to `status`, in order.
std::vector<FieldViolation> GetFieldViolations(const absl::Status& status);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_ERROR_DETAILS_H_
