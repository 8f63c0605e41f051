#include "server/coordinator/job_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pretext {
namespace {

constexpr size_t kMaxSlugLength = 40;

std::string Slug(absl::string_view text) {
  std::string slug;
  for (const char c : text) {
    if (slug.size() >= kMaxSlugLength) break;
    if (absl::ascii_isalnum(c)) {
      slug += absl::ascii_tolower(c);
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug;
}

}  // namespace

std::string MakeJobName(int64_t serial, absl::string_view spec_name) {
  const std::string slug = Slug(spec_name);
  return slug.empty() ? absl::StrCat("jobs/", serial) : absl::StrCat("jobs/", serial, "-", slug);
}

absl::string_view JobId(absl::string_view job_name) { return absl::StripPrefix(job_name, "jobs/"); }

}  // namespace pretext
