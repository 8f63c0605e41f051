#ifndef PRETEXT_CLIENT_COORDINATOR_CLIENT_FAKE_COORDINATOR_CLIENT_H_
#define PRETEXT_CLIENT_COORDINATOR_CLIENT_FAKE_COORDINATOR_CLIENT_H_

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/coordinator_client/coordinator_client.h"

namespace pretext {

// A coordinator made of what a test puts into it. Thread-compatible.
class FakeCoordinatorClient final : public CoordinatorClient {
 public:
  absl::Status failure;            // the answer to every call, unless OK
  absl::Status create_failure;     // the answer to CreateJob, unless OK
  std::vector<std::string> calls;  // "CancelJob jobs/1", in order
  std::vector<v1::CreateJobRequest> created;
  std::vector<v1::ListJobsRequest> listed;
  std::map<std::string, v1::Job> jobs;
  std::deque<v1::Job> coming;  // what the next GetJob or WatchJob finds, one by one; then it is in `jobs`
  std::vector<v1::MetricPoint> metrics;
  std::vector<v1::LogLine> logs;
  std::vector<v1::Checkpoint> checkpoints;
  std::map<std::string, std::string> artifacts;  // path -> bytes
  size_t download_cut = std::string::npos;       // a download breaks off after so many bytes
  std::map<std::string, v1::Node> nodes;

  absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request) override {
    if (!Begin("CreateJob").ok()) return failure;
    if (!create_failure.ok()) return create_failure;
    v1::Job job;
    *job.mutable_spec() = request.spec();
    job.set_output(request.spec().output());
    job.set_state(v1::Job::QUEUED);
    if (!request.validate_only()) {
      job.set_name(absl::StrCat("jobs/", jobs.size() + 1));
      jobs[job.name()] = job;
    }
    created.push_back(std::move(request));
    return job;
  }
  absl::StatusOr<v1::Job> GetJob(const std::string& name) override {
    if (!Begin(absl::StrCat("GetJob ", name)).ok()) return failure;
    if (!coming.empty()) {
      jobs[name] = coming.front();
      coming.pop_front();
    }
    return Find(name);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) override {
    if (!Begin("ListJobs").ok()) return failure;
    listed.push_back(request);
    v1::ListJobsResponse response;
    for (const auto& [name, job] : jobs) *response.add_jobs() = job;
    return response;
  }
  absl::StatusOr<v1::Job> CancelJob(const std::string& name, const std::string& reason) override {
    return Change("CancelJob", name, v1::Job::CANCELLED);
  }
  absl::StatusOr<v1::Job> PauseJob(const std::string& name) override {
    return Change("PauseJob", name, v1::Job::PAUSED);
  }
  absl::StatusOr<v1::Job> ResumeJob(const std::string& name) override {
    return Change("ResumeJob", name, v1::Job::QUEUED);
  }
  absl::StatusOr<v1::Job> RestartJob(const std::string& name, bool from_start) override {
    return Change(from_start ? "RestartJob from start" : "RestartJob", name, v1::Job::QUEUED);
  }
  absl::Status DeleteJob(const std::string& name) override {
    if (!Begin(absl::StrCat("DeleteJob ", name)).ok()) return failure;
    if (jobs.erase(name) == 0) return absl::NotFoundError(absl::StrCat("there is no job ", name));
    return absl::OkStatus();
  }
  absl::StatusOr<v1::Terminal> WatchJob(const v1::WatchJobRequest& request, const OnJob& on_job) override {
    if (!Begin(absl::StrCat("WatchJob ", request.name())).ok()) return failure;
    while (!coming.empty()) {
      jobs[request.name()] = coming.front();
      coming.pop_front();
      if (!on_job(jobs[request.name()])) return v1::Terminal();
    }
    return EndOf(request.name());
  }
  absl::StatusOr<v1::Terminal> StreamMetrics(const v1::StreamMetricsRequest& request,
                                             const OnMetrics& on_points) override {
    if (!Begin(absl::StrCat("StreamMetrics ", request.name())).ok()) return failure;
    for (size_t i = request.cursor(); i < metrics.size(); ++i) {
      if (!IsWanted(metrics[i].metric(), request)) continue;
      v1::StreamMetricsResponse response;
      *response.add_points() = metrics[i];
      response.set_cursor(static_cast<int64_t>(i) + 1);
      if (!on_points(response)) return v1::Terminal();
    }
    return EndOf(request.name());
  }
  absl::StatusOr<v1::Terminal> TailLogs(const v1::TailLogsRequest& request, const OnLogs& on_lines) override {
    if (!Begin(absl::StrCat("TailLogs ", request.name())).ok()) return failure;
    for (size_t i = request.cursor(); i < logs.size(); ++i) {
      if (request.has_rank() && logs[i].rank() != request.rank()) continue;
      v1::TailLogsResponse response;
      *response.add_lines() = logs[i];
      response.set_cursor(static_cast<int64_t>(i) + 1);
      if (!on_lines(response)) return v1::Terminal();
    }
    return EndOf(request.name());
  }
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(const std::string& name) override {
    if (!Begin(absl::StrCat("ListCheckpoints ", name)).ok()) return failure;
    v1::ListCheckpointsResponse response;
    for (const v1::Checkpoint& checkpoint : checkpoints) *response.add_checkpoints() = checkpoint;
    return response;
  }
  absl::StatusOr<v1::ListArtifactsResponse> ListArtifacts(const std::string& name) override {
    if (!Begin(absl::StrCat("ListArtifacts ", name)).ok()) return failure;
    v1::ListArtifactsResponse response;
    for (const auto& [path, bytes] : artifacts) {
      v1::Artifact* artifact = response.add_artifacts();
      artifact->set_path(path);
      artifact->set_bytes(static_cast<int64_t>(bytes.size()));
    }
    return response;
  }
  absl::StatusOr<int64_t> DownloadArtifact(const std::string& name, const std::string& path, FileStart start,
                                           const Write& write) override {
    if (!Begin(absl::StrCat("DownloadArtifact ", name, " ", path, " from ", start.bytes)).ok())
      return failure;
    const auto found = artifacts.find(path);
    if (found == artifacts.end()) return absl::NotFoundError(absl::StrCat("there is no file ", path));
    const std::string& bytes = found->second;
    if (start.bytes > static_cast<int64_t>(bytes.size())) return absl::OutOfRangeError("past the end");
    const absl::string_view rest = absl::string_view(bytes).substr(start.bytes, download_cut);
    const absl::Status status = write(rest);
    if (!status.ok()) return status;
    if (start.bytes + rest.size() < bytes.size()) return absl::UnavailableError("cut");
    start.digest.Update(rest);
    if (start.digest.HexDigest() != Sha256Hex(bytes)) return absl::DataLossError("another file");
    return static_cast<int64_t>(bytes.size());
  }
  absl::StatusOr<v1::ListNodesResponse> ListNodes() override {
    if (!Begin("ListNodes").ok()) return failure;
    v1::ListNodesResponse response;
    for (const auto& [name, node] : nodes) *response.add_nodes() = node;
    return response;
  }
  absl::StatusOr<v1::Node> DrainNode(const std::string& name) override {
    return ChangeNode("DrainNode", name, v1::Node::DRAINING);
  }
  absl::StatusOr<v1::Node> UndrainNode(const std::string& name) override {
    return ChangeNode("UndrainNode", name, v1::Node::READY);
  }
  absl::StatusOr<v1::GetVersionResponse> GetVersion() override {
    if (!Begin("GetVersion").ok()) return failure;
    v1::GetVersionResponse response;
    response.set_version("0.1.0");
    response.set_state_directory("/state");
    return response;
  }

 private:
  static bool IsWanted(const std::string& metric, const v1::StreamMetricsRequest& request) {
    return request.metrics().empty() ||
           std::any_of(request.metrics().begin(), request.metrics().end(), [&](absl::string_view pattern) {
             return absl::ConsumeSuffix(&pattern, "*") ? absl::StartsWith(metric, pattern)
                                                       : metric == pattern;
           });
  }

  absl::Status Begin(std::string call) {
    calls.push_back(std::move(call));
    return failure;
  }
  absl::StatusOr<v1::Job> Find(const std::string& name) {
    const auto found = jobs.find(name);
    if (found == jobs.end()) return absl::NotFoundError(absl::StrCat("there is no job ", name));
    return found->second;
  }
  absl::StatusOr<v1::Job> Change(absl::string_view call, const std::string& name, v1::Job::State state) {
    if (!Begin(absl::StrCat(call, " ", name)).ok()) return failure;
    if (jobs.count(name) > 0) jobs[name].set_state(state);
    return Find(name);
  }
  absl::StatusOr<v1::Node> ChangeNode(absl::string_view call, const std::string& name,
                                      v1::Node::State state) {
    if (!Begin(absl::StrCat(call, " ", name)).ok()) return failure;
    if (nodes.count(name) == 0) return absl::NotFoundError(absl::StrCat("there is no node ", name));
    nodes[name].set_state(state);
    return nodes[name];
  }
  v1::Terminal EndOf(const std::string& name) {
    v1::Terminal terminal;
    terminal.set_state(jobs[name].state());
    terminal.set_reason(jobs[name].reason());
    return terminal;
  }
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COORDINATOR_CLIENT_FAKE_COORDINATOR_CLIENT_H_
