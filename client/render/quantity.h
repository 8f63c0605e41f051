#ifndef PRETEXT_CLIENT_RENDER_QUANTITY_H_
#define PRETEXT_CLIENT_RENDER_QUANTITY_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace pretext {

// Amounts as people read them. Pure.

// 60000 -> "60,000".
std::string GroupedText(int64_t number);

// Four significant digits: 7.0123 -> "7.012", 0.00123 -> "0.00123", 1.2e-9 -> "1.2e-09", nan -> "nan".
std::string NumberText(double number);

// A share: 0.8421 -> "84.2 %"; with no decimals "84 %".
std::string PercentText(double share, int decimals = 1);

// 45678901 -> "43.6 MiB".
std::string BytesText(int64_t bytes);

// "0.4 s", "45 s", "3 min 12 s", "2 h 05 min", "3 d 04 h"; negative counts as zero, infinite is "for ever".
std::string DurationText(absl::Duration duration);

// Like DurationText with its larger unit alone: "3 min". "-" when `time` is unset.
std::string AgeText(const google::protobuf::Timestamp& time, absl::Time now);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_QUANTITY_H_
