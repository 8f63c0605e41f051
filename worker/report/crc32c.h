#ifndef PRETEXT_WORKER_REPORT_CRC32C_H_
#define PRETEXT_WORKER_REPORT_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace pretext {

// The Castagnoli checksum (reflected polynomial 0x82F63B78), as in RFC 3720, appendix B.4.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_CRC32C_H_
