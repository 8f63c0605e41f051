#include "server/rpc/job_streams.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/job_state.h"
#include "server/coordinator/rejections.h"
#include "server/rpc/artifacts.h"

namespace pretext {
namespace {

constexpr int kPageSize = 500;
constexpr size_t kChunkBytes = 256 * 1024;
constexpr int kMostMetrics = 100;  // named in one request; a pattern names any number

v1::Terminal TerminalOf(const v1::Job& job) {
  v1::Terminal terminal;
  terminal.set_state(job.state());
  terminal.set_reason(job.reason());
  return terminal;
}

// What was read last, so that a step for which nothing has changed does not read again.
struct SeenVersion {
  int64_t telemetry = -1;
  int64_t revision = -1;

  bool Same(const Coordinator& coordinator, const v1::Job& job) const {
    return telemetry == coordinator.TelemetryVersion(job.name()) && revision == job.revision();
  }
};

// The steps that metrics and logs share. `read` fills in the next page; an empty one means there is no more
// yet.
template <typename Response>
class TelemetryStream {
 public:
  using Read = std::function<absl::Status(Response* page, bool* empty)>;

  TelemetryStream(const Coordinator* coordinator, std::string job, bool follow, Read read)
      : coordinator_(coordinator), job_(std::move(job)), follow_(follow), read_(std::move(read)) {}

  StreamStep<Response> Next() {
    using Step = StreamStep<Response>;
    if (ended_) return Step::End(absl::OkStatus());
    // The job first: once it is settled its telemetry is complete.
    const absl::StatusOr<v1::Job> job = coordinator_->GetJob(job_);
    if (!job.ok()) return Step::End(job.status());
    // Nothing will come before the disk has room: who follows shall know why, and call again.
    const absl::Status stored = coordinator_->CheckStorage();
    if (waiting_ && !IsSettled(job->state()) && !stored.ok()) return Step::End(stored);
    if (waiting_ && seen_.Same(*coordinator_, *job)) return Step::Wait();
    seen_ = {coordinator_->TelemetryVersion(job_), job->revision()};
    Response page;
    bool empty = false;
    const absl::Status status = read_(&page, &empty);
    if (!status.ok()) return Step::End(status);
    waiting_ = empty;
    if (!empty) return Step::Send(std::move(page));
    if (follow_ && !IsSettled(job->state())) return stored.ok() ? Step::Wait() : Step::End(stored);
    *page.mutable_terminal() = TerminalOf(*job);
    ended_ = true;
    return Step::Send(std::move(page));
  }

 private:
  const Coordinator* const coordinator_;
  const std::string job_;
  const bool follow_;
  const Read read_;
  SeenVersion seen_;
  bool waiting_ = false;
  bool ended_ = false;
};

template <typename Response>
std::function<StreamStep<Response>()> Steps(std::shared_ptr<TelemetryStream<Response>> stream) {
  return [stream = std::move(stream)] { return stream->Next(); };
}

absl::Status CheckCursor(int64_t cursor) {
  if (cursor >= 0) return absl::OkStatus();
  return InvalidField("cursor", absl::StrCat(cursor, " is none of this job's; 0 is the start"));
}

// The store's word for a cursor from elsewhere, in the words of the service.
absl::Status ExplainCursor(const absl::Status& status) {
  if (!absl::IsOutOfRange(status)) return status;
  return InvalidField("cursor",
                      absl::StrCat(status.message(), "; take one from an answer, or 0 for the start"));
}

absl::Status CheckRevision(const Coordinator& coordinator, int64_t after_revision) {
  const int64_t newest = coordinator.revision();
  if (after_revision >= 0 && after_revision <= newest) return absl::OkStatus();
  return InvalidField("after_revision", absl::StrCat(after_revision, " is not in 0 .. ", newest,
                                                     ", the newest; take one from an answer, or 0"));
}

template <typename Response>
std::function<StreamStep<Response>()> EndWith(absl::Status status) {
  return [status = std::move(status)] { return StreamStep<Response>::End(status); };
}

}  // namespace

std::function<StreamStep<v1::WatchJobResponse>()> WatchOneJob(const Coordinator* coordinator,
                                                              const v1::WatchJobRequest& request) {
  struct Place {
    int64_t revision;
    std::string reason;  // why it waits changes without a new revision
    bool first = true;
    bool ended = false;
  };
  auto place = std::make_shared<Place>();
  place->revision = request.after_revision();
  const absl::Status valid = CheckRevision(*coordinator, request.after_revision());
  if (!valid.ok()) return EndWith<v1::WatchJobResponse>(valid);
  return [coordinator, name = request.name(), place]() -> StreamStep<v1::WatchJobResponse> {
    using Step = StreamStep<v1::WatchJobResponse>;
    if (place->ended) return Step::End(absl::OkStatus());
    absl::StatusOr<v1::Job> job = coordinator->GetJob(name);
    if (!job.ok()) return Step::End(job.status());
    v1::WatchJobResponse response;
    const bool news = job->revision() > place->revision || (!place->first && job->reason() != place->reason);
    place->first = false;
    place->reason = job->reason();
    if (news) {
      place->revision = job->revision();
      *response.mutable_job() = *std::move(job);
      return Step::Send(std::move(response));
    }
    if (!IsSettled(job->state())) return Step::Wait();
    place->ended = true;
    *response.mutable_terminal() = TerminalOf(*job);
    return Step::Send(std::move(response));
  };
}

std::function<StreamStep<v1::WatchJobResponse>()> WatchAllJobs(const Coordinator* coordinator,
                                                               const v1::WatchJobRequest& request) {
  struct Place {
    int64_t revision;
    std::deque<v1::Job> pending;  // by revision
  };
  auto place = std::make_shared<Place>();
  place->revision = request.after_revision();
  const absl::Status valid = CheckRevision(*coordinator, request.after_revision());
  if (!valid.ok()) return EndWith<v1::WatchJobResponse>(valid);
  return [coordinator, place]() -> StreamStep<v1::WatchJobResponse> {
    using Step = StreamStep<v1::WatchJobResponse>;
    if (place->pending.empty()) {
      for (v1::Job& job : coordinator->ListJobs()) {
        if (job.revision() > place->revision) place->pending.push_back(std::move(job));
      }
      std::sort(place->pending.begin(), place->pending.end(),
                [](const v1::Job& a, const v1::Job& b) { return a.revision() < b.revision(); });
    }
    if (place->pending.empty()) return Step::Wait();
    v1::WatchJobResponse response;
    *response.mutable_job() = std::move(place->pending.front());
    place->pending.pop_front();
    place->revision = response.job().revision();
    return Step::Send(std::move(response));
  };
}

std::function<StreamStep<v1::StreamMetricsResponse>()> FollowMetrics(
    const Coordinator* coordinator, TelemetryStore* telemetry, const v1::StreamMetricsRequest& request) {
  const std::vector<std::string> metrics(request.metrics().begin(), request.metrics().end());
  if (metrics.size() > kMostMetrics) {
    return EndWith<v1::StreamMetricsResponse>(InvalidField(
        "metrics", absl::StrCat("names ", metrics.size(), " metrics, and the most is ", kMostMetrics,
                                "; use prefixes such as pretrain/*, or none for all")));
  }
  auto read = [telemetry, request, metrics, cursor = request.cursor()](v1::StreamMetricsResponse* page,
                                                                       bool* empty) mutable -> absl::Status {
    const absl::Status valid = CheckCursor(cursor);
    if (!valid.ok()) return valid;
    absl::StatusOr<TelemetryStore::MetricPage> read =
        telemetry->ReadMetrics(request.name(), cursor, metrics, request.newest_attempt_only(), kPageSize);
    if (!read.ok()) return ExplainCursor(read.status());
    *empty = read->points.empty();
    cursor = read->cursor;
    page->set_cursor(cursor);
    for (v1::MetricPoint& point : read->points) *page->add_points() = std::move(point);
    return absl::OkStatus();
  };
  return Steps(std::make_shared<TelemetryStream<v1::StreamMetricsResponse>>(
      coordinator, request.name(), request.follow(), std::move(read)));
}

std::function<StreamStep<v1::TailLogsResponse>()> FollowLogs(const Coordinator* coordinator,
                                                             TelemetryStore* telemetry,
                                                             const v1::TailLogsRequest& request) {
  TelemetryStore::LogQuery query;
  query.cursor = request.cursor();
  if (request.has_rank()) query.rank = request.rank();
  if (request.has_attempt()) query.attempt = request.attempt();
  query.last = request.last();
  if (query.last < 0) {
    return EndWith<v1::TailLogsResponse>(
        InvalidField("last", absl::StrCat("must be 0, for all lines, or more, not ", query.last)));
  }
  auto read = [telemetry, name = request.name(), query](v1::TailLogsResponse* page,
                                                        bool* empty) mutable -> absl::Status {
    const absl::Status valid = CheckCursor(query.cursor);
    if (!valid.ok()) return valid;
    absl::StatusOr<TelemetryStore::LogPage> read = telemetry->ReadLogs(name, query, kPageSize);
    if (!read.ok()) return ExplainCursor(read.status());
    *empty = read->lines.empty();
    query.cursor = read->cursor;
    query.last = 0;  // lines that come from now on are all wanted
    page->set_cursor(read->cursor);
    for (v1::LogLine& line : read->lines) *page->add_lines() = std::move(line);
    return absl::OkStatus();
  };
  return Steps(std::make_shared<TelemetryStream<v1::TailLogsResponse>>(coordinator, request.name(),
                                                                       request.follow(), std::move(read)));
}

std::function<StreamStep<v1::DownloadArtifactResponse>()> ReadArtifact(
    const Coordinator* coordinator, const v1::DownloadArtifactRequest& request) {
  struct Place {
    std::unique_ptr<ArtifactReader> reader;
    bool ended = false;
  };
  auto place = std::make_shared<Place>();
  return [coordinator, request, place]() -> StreamStep<v1::DownloadArtifactResponse> {
    using Step = StreamStep<v1::DownloadArtifactResponse>;
    if (place->ended) return Step::End(absl::OkStatus());
    if (place->reader == nullptr) {
      const absl::StatusOr<v1::Job> job = coordinator->GetJob(request.name());
      if (!job.ok()) return Step::End(job.status());
      auto reader = ArtifactReader::Open(job->output(), request.path(), request.offset());
      if (!reader.ok()) return Step::End(reader.status());
      place->reader = *std::move(reader);
    }
    v1::DownloadArtifactResponse response;
    response.set_offset(place->reader->offset());
    const absl::Status status = place->reader->Read(kChunkBytes, response.mutable_data());
    if (!status.ok()) return Step::End(status);
    if (response.data().empty()) {
      place->ended = true;
      response.mutable_done()->set_bytes(place->reader->offset());
      response.mutable_done()->set_sha256(place->reader->HexDigest());
    }
    return Step::Send(std::move(response));
  };
}

}  // namespace pretext
