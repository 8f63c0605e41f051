#include "server/rpc/job_query.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "server/coordinator/rejections.h"

namespace pretext {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
constexpr size_t kMaxPageBytes = 8 << 20;  // half of what a message may have
constexpr size_t kDigestLength = 16;

enum class Operator { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

struct Term {
  std::string field;
  size_t field_column = 1;
  Operator op = Operator::kEqual;
  size_t op_column = 1;
  std::string value;
  size_t value_column = 1;
};

absl::Status Fault(size_t column, absl::string_view what) {
  return InvalidField("filter", absl::StrCat("column ", column, ": ", what));
}

// Cuts a filter into terms. Holds the text that is left.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  bool AtEnd() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  size_t column() const { return at_ + 1; }

  std::string Word() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (absl::ascii_isalnum(text_[at_]) || absl::StrContains("._-/:+@", text_.substr(at_, 1))))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  absl::StatusOr<Operator> NextOperator() {
    static constexpr std::pair<absl::string_view, Operator> kOperators[] = {
        {"!=", Operator::kNotEqual}, {"<=", Operator::kLessEqual}, {">=", Operator::kGreaterEqual},
        {"=", Operator::kEqual},     {"<", Operator::kLess},       {">", Operator::kGreater}};
    if (AtEnd()) return Fault(column(), "an operator (= != < <= > >=) is missing");
    for (const auto& [sign, op] : kOperators) {
      if (!absl::StartsWith(text_.substr(at_), sign)) continue;
      at_ += sign.size();
      return op;
    }
    return Fault(column(), absl::StrCat(Quoted(text_.substr(at_, 1)), " is no operator (= != < <= > >=)"));
  }

  absl::StatusOr<std::string> Value() {
    if (AtEnd()) return Fault(column(), "a value is missing");
    if (text_[at_] != '"') {
      std::string word = Word();
      if (word.empty())
        return Fault(column(), absl::StrCat("a value is missing before ", Quoted(text_.substr(at_, 1))));
      return word;
    }
    const size_t begin = column();
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    return Fault(begin, "the quote is never closed that opens");
  }

 private:
  const absl::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<std::vector<Term>> ParseTerms(absl::string_view text) {
  Scanner scanner(text);
  std::vector<Term> terms;
  if (scanner.AtEnd()) return terms;
  while (true) {
    Term term;
    if (scanner.AtEnd()) return Fault(scanner.column(), "a term is missing after AND");
    term.field_column = scanner.column();
    term.field = scanner.Word();
    if (term.field.empty()) return Fault(term.field_column, "a field name is missing");
    scanner.AtEnd();
    term.op_column = scanner.column();
    PRETEXT_ASSIGN_OR_RETURN(term.op, scanner.NextOperator());
    scanner.AtEnd();
    term.value_column = scanner.column();
    PRETEXT_ASSIGN_OR_RETURN(term.value, scanner.Value());
    terms.push_back(std::move(term));
    if (scanner.AtEnd()) return terms;
    const size_t column = scanner.column();
    const std::string joint = scanner.Word();
    if (!absl::EqualsIgnoreCase(joint, "AND")) {
      return Fault(column, absl::StrCat("terms are joined by AND, not by ", Quoted(joint)));
    }
  }
}

template <typename T>
bool Compare(const T& a, Operator op, const T& b) {
  switch (op) {
    case Operator::kEqual:
      return a == b;
    case Operator::kNotEqual:
      return a != b;
    case Operator::kLess:
      return a < b;
    case Operator::kLessEqual:
      return a <= b;
    case Operator::kGreater:
      return a > b;
    case Operator::kGreaterEqual:
      return a >= b;
  }
  return false;
}

using Predicate = std::function<bool(const v1::Job&)>;

absl::Status RequireEquality(const Term& term) {
  if (term.op == Operator::kEqual || term.op == Operator::kNotEqual) return absl::OkStatus();
  return Fault(term.op_column, absl::StrCat(term.field, " can only be compared by = and !="));
}

absl::StatusOr<Predicate> StateTerm(const Term& term) {
  PRETEXT_RETURN_IF_ERROR(RequireEquality(term));
  v1::Job::State state;
  const std::string name = absl::AsciiStrToUpper(term.value);
  if (v1::Job::State_Parse(name, &state) && state != v1::Job::STATE_UNSPECIFIED) {
    return Predicate(
        [op = term.op, state](const v1::Job& job) { return Compare<int>(job.state(), op, state); });
  }
  std::vector<std::string> names;
  for (int i = v1::Job::QUEUED; i <= v1::Job::State_MAX; ++i) names.push_back(v1::Job::State_Name(i));
  return Fault(term.value_column,
               absl::StrCat("unknown state ", Quoted(term.value), DidYouMean(name, names)));
}

absl::StatusOr<Predicate> PriorityTerm(const Term& term) {
  int64_t priority;
  if (!absl::SimpleAtoi(term.value, &priority)) {
    return Fault(term.value_column, absl::StrCat(Quoted(term.value), " is not a whole number"));
  }
  return Predicate([op = term.op, priority](const v1::Job& job) {
    return Compare<int64_t>(job.spec().priority(), op, priority);
  });
}

absl::StatusOr<Predicate> TimeTerm(const Term& term) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, term.value, &time, &error) &&
      !absl::ParseTime("%Y-%m-%d", term.value, &time, &error)) {
    return Fault(
        term.value_column,
        absl::StrCat(Quoted(term.value), " is not a time such as 2026-03-01 or 2026-03-01T12:00:00Z"));
  }
  return Predicate([op = term.op, time](const v1::Job& job) {
    return Compare(FromTimestamp(job.create_time()), op, time);
  });
}

absl::StatusOr<Predicate> NameTerm(const Term& term) {
  const std::string& value = term.value;
  switch (term.op) {
    case Operator::kEqual:
      return Predicate(
          [value](const v1::Job& job) { return job.spec().name() == value || job.name() == value; });
    case Operator::kNotEqual:
      return Predicate(
          [value](const v1::Job& job) { return job.spec().name() != value && job.name() != value; });
    default:
      return Predicate(
          [op = term.op, value](const v1::Job& job) { return Compare(job.spec().name(), op, value); });
  }
}

absl::StatusOr<Predicate> LabelTerm(const Term& term, const std::string& key) {
  PRETEXT_RETURN_IF_ERROR(RequireEquality(term));
  if (key.empty()) return Fault(term.field_column, "a label's key is missing after 'labels.'");
  return Predicate([op = term.op, key, value = term.value](const v1::Job& job) {
    const auto label = job.spec().labels().find(key);
    return Compare(label == job.spec().labels().end() ? std::string() : label->second, op, value);
  });
}

absl::StatusOr<Predicate> ToPredicate(const Term& term) {
  if (term.field == "state") return StateTerm(term);
  if (term.field == "name") return NameTerm(term);
  if (term.field == "priority") return PriorityTerm(term);
  if (term.field == "create_time") return TimeTerm(term);
  if (absl::StartsWith(term.field, "labels.")) return LabelTerm(term, term.field.substr(7));
  return Fault(
      term.field_column,
      absl::StrCat("unknown field ", Quoted(term.field),
                   DidYouMean(term.field, {"state", "name", "priority", "create_time", "labels.KEY"})));
}

std::string QueryDigest(const v1::ListJobsRequest& request) {
  return Sha256Hex(absl::StrCat(request.filter(), "\n", request.order_by())).substr(0, kDigestLength);
}

std::string MakeToken(const v1::ListJobsRequest& request, const v1::Job& last) {
  v1::Job place;
  place.set_name(last.name());
  *place.mutable_create_time() = last.create_time();
  place.mutable_spec()->set_name(last.spec().name());
  place.mutable_spec()->set_priority(last.spec().priority());
  return absl::WebSafeBase64Escape(absl::StrCat(QueryDigest(request), place.SerializeAsString()));
}

// The job after which the page begins.
absl::StatusOr<v1::Job> ReadToken(const v1::ListJobsRequest& request) {
  std::string bytes;
  v1::Job place;
  if (!absl::WebSafeBase64Unescape(request.page_token(), &bytes) || bytes.size() < kDigestLength ||
      !place.ParseFromString(bytes.substr(kDigestLength))) {
    return InvalidField("page_token", "is none of ours; take next_page_token of the page before");
  }
  if (bytes.substr(0, kDigestLength) != QueryDigest(request)) {
    return InvalidField("page_token", "belongs to another filter or order_by; begin again without a token");
  }
  return place;
}

}  // namespace

absl::StatusOr<JobFilter> JobFilter::Parse(absl::string_view text) {
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<Term> terms, ParseTerms(text));
  JobFilter filter;
  for (const Term& term : terms) {
    PRETEXT_ASSIGN_OR_RETURN(Predicate predicate, ToPredicate(term));
    filter.terms_.push_back(std::move(predicate));
  }
  return filter;
}

bool JobFilter::Matches(const v1::Job& job) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const auto& term) { return term(job); });
}

absl::StatusOr<JobOrder> JobOrder::Parse(absl::string_view text) {
  JobOrder order;
  absl::string_view key = absl::StripAsciiWhitespace(text);
  if (key.empty()) return order;
  order.descending_ = absl::ConsumeSuffix(&key, " desc");
  if (!order.descending_) absl::ConsumeSuffix(&key, " asc");
  key = absl::StripAsciiWhitespace(key);
  if (key == "create_time") {
    order.key_ = Key::kCreateTime;
  } else if (key == "priority") {
    order.key_ = Key::kPriority;
  } else if (key == "name") {
    order.key_ = Key::kName;
  } else {
    return InvalidField("order_by", absl::StrCat("unknown field ", Quoted(key),
                                                 DidYouMean(key, {"create_time", "priority", "name"})));
  }
  return order;
}

bool JobOrder::Before(const v1::Job& a, const v1::Job& b) const {
  const v1::Job& low = descending_ ? b : a;
  const v1::Job& high = descending_ ? a : b;
  switch (key_) {
    case Key::kCreateTime: {
      const absl::Time low_time = FromTimestamp(low.create_time());
      const absl::Time high_time = FromTimestamp(high.create_time());
      return std::tie(low_time, low.name()) < std::tie(high_time, high.name());
    }
    case Key::kPriority:
      return std::make_pair(low.spec().priority(), absl::string_view(low.name())) <
             std::make_pair(high.spec().priority(), absl::string_view(high.name()));
    case Key::kName:
      return std::tie(low.spec().name(), low.name()) < std::tie(high.spec().name(), high.name());
  }
  return false;
}

absl::StatusOr<v1::ListJobsResponse> SelectJobs(std::vector<v1::Job> jobs,
                                                const v1::ListJobsRequest& request) {
  PRETEXT_ASSIGN_OR_RETURN(const JobFilter filter, JobFilter::Parse(request.filter()));
  PRETEXT_ASSIGN_OR_RETURN(const JobOrder order, JobOrder::Parse(request.order_by()));
  if (request.page_size() < 0) return InvalidField("page_size", "must not be negative");
  const size_t page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  jobs.erase(
      std::remove_if(jobs.begin(), jobs.end(), [&](const v1::Job& job) { return !filter.Matches(job); }),
      jobs.end());
  auto before = [&](const v1::Job& a, const v1::Job& b) { return order.Before(a, b); };
  std::sort(jobs.begin(), jobs.end(), before);
  auto begin = jobs.begin();
  if (!request.page_token().empty()) {
    PRETEXT_ASSIGN_OR_RETURN(const v1::Job last, ReadToken(request));
    begin = std::upper_bound(jobs.begin(), jobs.end(), last, before);
  }
  v1::ListJobsResponse response;
  size_t bytes = 0;
  auto next = begin;
  for (; next != jobs.end() && next - begin < static_cast<std::ptrdiff_t>(page_size); ++next) {
    bytes += next->ByteSizeLong();
    if (next != begin && bytes > kMaxPageBytes) break;
    *response.add_jobs() = std::move(*next);
  }
  if (next != jobs.end())
    response.set_next_page_token(MakeToken(request, response.jobs(response.jobs_size() - 1)));
  return response;
}

}  // namespace pretext
