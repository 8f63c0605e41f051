#include "worker/agent/grpc_sync_call.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

// Answers agents with the revision that they know and one more; holds those that know `held`.
class Coordinator final : public v1::WorkerService::CallbackService {
 public:
  static constexpr int64_t held = 99;
  class Held final : public grpc::ServerUnaryReactor {
   public:
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };

  grpc::ServerUnaryReactor* SyncAgent(grpc::CallbackServerContext* context,
                                      const v1::SyncAgentRequest* request,
                                      v1::SyncAgentResponse* response) override {
    if (request->known_revision() == held) return new Held;
    response->set_revision(request->known_revision() + 1);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(request->node().empty() ? grpc::Status(grpc::INVALID_ARGUMENT, "node must be set")
                                            : grpc::Status::OK);
    return reactor;
  }
};

class Answer {
 public:
  SyncCall::OnDone Take() {
    return [this](absl::StatusOr<v1::SyncAgentResponse> answer) {
      absl::MutexLock lock(&mutex_);
      answer_ = std::move(answer);
    };
  }
  absl::StatusOr<v1::SyncAgentResponse> Await() {
    auto came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return answer_.has_value(); };
    absl::MutexLock lock(&mutex_, absl::Condition(&came));
    return *answer_;
  }

 private:
  absl::Mutex mutex_;
  absl::optional<absl::StatusOr<v1::SyncAgentResponse>> answer_ ABSL_GUARDED_BY(mutex_);
};

class GrpcSyncCallTest : public ::testing::Test {
 protected:
  GrpcSyncCallTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&coordinator_);
    server_ = builder.BuildAndStart();
    call_ = MakeGrpcSyncCall(absl::StrCat("127.0.0.1:", port));
  }
  absl::StatusOr<v1::SyncAgentResponse> Call(const std::string& node, int64_t known_revision,
                                             absl::Duration timeout, bool cancel = false) {
    v1::SyncAgentRequest request;
    request.set_node(node);
    request.set_known_revision(known_revision);
    Answer answer;
    call_->Start(request, timeout, answer.Take());
    if (cancel) call_->Cancel();
    return answer.Await();
  }

  Coordinator coordinator_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<SyncCall> call_;
};

TEST_F(GrpcSyncCallTest, BringsAnswersAndErrors) {
  absl::StatusOr<v1::SyncAgentResponse> answer = Call("nodes/a", 4, absl::Minutes(1));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->revision(), 5);
  EXPECT_THAT(Call("", 4, absl::Minutes(1)),
              StatusIs(absl::StatusCode::kInvalidArgument, "node must be set"));
}

TEST_F(GrpcSyncCallTest, CanBeGivenUpWhileItIsHeldAndMadeAgain) {
  EXPECT_THAT(Call("nodes/a", Coordinator::held, absl::Minutes(1), /*cancel=*/true),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_OK(Call("nodes/a", 1, absl::Minutes(1)));
}

TEST_F(GrpcSyncCallTest, GivesUpByItselfWhenItsTimeIsOver) {
  EXPECT_THAT(Call("nodes/a", Coordinator::held, absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(GrpcSyncCallTest, SaysWhenNobodyListens) {
  server_->Shutdown();
  EXPECT_THAT(Call("nodes/a", 1, absl::Minutes(1)), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace pretext
