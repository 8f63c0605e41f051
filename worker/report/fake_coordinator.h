#ifndef PRETEXT_WORKER_REPORT_FAKE_COORDINATOR_H_
#define PRETEXT_WORKER_REPORT_FAKE_COORDINATOR_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/grpc_channel.h"

namespace pretext {

// The Report side of a coordinator, over real gRPC on a free port, that takes reports as the real one does
// and fails as a test says. It fails the test when a report is numbered wrongly or changes when repeated.
class FakeCoordinator final : public v1::WorkerService::Service {
 public:
  enum class Mood {
    kAnswers,
    kRefuses,  // UNAVAILABLE, nothing is taken
    kForgets,  // takes the report, and UNAVAILABLE all the same: the answer is lost
    kHangs,    // until the call is cancelled
    kFences,   // ABORTED
  };

  FakeCoordinator() { Start(); }
  ~FakeCoordinator() override { Stop(); }

  // As if killed: connections break. What it has stays.
  void Stop() {
    if (server_ != nullptr) server_->Shutdown();
    server_ = nullptr;
  }
  // On the same port as before.
  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr) << "port " << port_ << " is taken";
  }

  std::unique_ptr<v1::WorkerService::StubInterface> NewStub() const {
    return v1::WorkerService::NewStub(MakeGrpcChannel(absl::StrCat("127.0.0.1:", port_)));
  }

  void SetMood(Mood mood) {
    absl::MutexLock lock(&mutex_);
    mood_ = mood;
  }
  void SetStop(bool stop) {
    absl::MutexLock lock(&mutex_);
    stop_ = stop;
  }
  // Waits until the reports taken so far, in order, satisfy `wanted`, and returns them. At most a minute.
  template <typename Wanted>
  std::vector<v1::ReportRequest> Await(const Wanted& wanted) {
    absl::MutexLock lock(&mutex_);
    auto met = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted(taken_); };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&met), absl::Minutes(1)));
    return taken_;
  }
  // Waits until it was called so often, in whatever mood.
  void AwaitCalls(int calls) {
    absl::MutexLock lock(&mutex_);
    auto met = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ >= calls; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&met), absl::Minutes(1)));
  }
  int calls() {
    absl::MutexLock lock(&mutex_);
    return calls_;
  }

  grpc::Status Report(grpc::ServerContext* context, const v1::ReportRequest* request,
                      v1::ReportResponse* response) override {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    if (mood_ == Mood::kHangs) {
      auto cancelled = [context] { return context->IsCancelled(); };
      while (!mutex_.AwaitWithTimeout(absl::Condition(&cancelled), absl::Milliseconds(1))) {
      }
      return grpc::Status::CANCELLED;
    }
    if (mood_ == Mood::kRefuses) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
    if (mood_ == Mood::kFences) return grpc::Status(grpc::StatusCode::ABORTED, "attempt 1 is over");
    Take(*request);
    if (mood_ == Mood::kForgets) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "answer lost");
    response->set_stop(stop_);
    return grpc::Status::OK;
  }

 private:
  void Take(const v1::ReportRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int64_t last = taken_.empty() ? 0 : taken_.back().sequence();
    if (request.sequence() == last) {
      EXPECT_EQ(request.SerializeAsString(), taken_.back().SerializeAsString()) << "changed when repeated";
      return;
    }
    EXPECT_EQ(request.sequence(), last + 1);
    taken_.push_back(request);
  }

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  absl::Mutex mutex_;
  Mood mood_ ABSL_GUARDED_BY(mutex_) = Mood::kAnswers;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::ReportRequest> taken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_FAKE_COORDINATOR_H_
