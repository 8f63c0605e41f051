#include "worker/session/rendezvous.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/grpc_status.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

// Answers calls with the statuses a test has put into a row, then with OK.
class Coordinator final : public v1::WorkerService::Service {
 public:
  void AnswerNext(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    answers_.push_back(std::move(status));
  }
  std::vector<std::string> heard() {
    absl::MutexLock lock(&mutex_);
    return heard_;
  }

 private:
  grpc::Status PublishRendezvous(grpc::ServerContext*, const v1::PublishRendezvousRequest* request,
                                 v1::PublishRendezvousResponse*) override {
    return Next(absl::StrCat(request->job(), "/", request->attempt(), " meets at ", request->address()));
  }
  grpc::Status GetRendezvous(grpc::ServerContext*, const v1::GetRendezvousRequest* request,
                             v1::GetRendezvousResponse* response) override {
    response->set_address("10.0.0.1:77");
    return Next(absl::StrCat("rank ", request->rank(), " waits ", request->wait().seconds(), " s"));
  }
  grpc::Status Next(std::string what) {
    absl::MutexLock lock(&mutex_);
    heard_.push_back(std::move(what));
    if (answers_.empty()) return grpc::Status::OK;
    const absl::Status answer = std::move(answers_.front());
    answers_.pop_front();
    return ToGrpcStatus(answer);
  }

  absl::Mutex mutex_;
  std::deque<absl::Status> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> heard_ ABSL_GUARDED_BY(mutex_);
};

class RendezvousTest : public ::testing::Test {
 protected:
  RendezvousTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&coordinator_);
    server_ = builder.BuildAndStart();
    RendezvousOptions options;
    options.job = "jobs/1";
    options.attempt = 2;
    options.rank = 3;
    options.retry.first_delay = absl::Milliseconds(1);
    rendezvous_ = std::make_unique<Rendezvous>(
        options, v1::WorkerService::NewStub(MakeGrpcChannel(absl::StrCat("127.0.0.1:", port))), RealClock());
  }

  Coordinator coordinator_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Rendezvous> rendezvous_;
};

TEST_F(RendezvousTest, TellsWhereTheGangMeetsThroughAnOutage) {
  coordinator_.AnswerNext(absl::UnavailableError("the journal cannot be written"));
  coordinator_.AnswerNext(absl::DeadlineExceededError("slow"));
  EXPECT_OK(rendezvous_->Publish("127.0.0.1:5"));
  const std::string said = "jobs/1/2 meets at 127.0.0.1:5";
  EXPECT_THAT(coordinator_.heard(), ElementsAre(said, said, said));
}

TEST_F(RendezvousTest, AsksUntilRankZeroHasSaidWhere) {
  coordinator_.AnswerNext(absl::NotFoundError("not yet"));
  coordinator_.AnswerNext(absl::UnavailableError("restarting"));
  coordinator_.AnswerNext(absl::NotFoundError("not yet"));
  ASSERT_OK_AND_ASSIGN(const std::string address, rendezvous_->Find());
  EXPECT_EQ(address, "10.0.0.1:77");
  const std::string said = "rank 3 waits 20 s";
  EXPECT_THAT(coordinator_.heard(), ElementsAre(said, said, said, said));
}

TEST_F(RendezvousTest, EndsWhenTheAttemptIsOver) {
  coordinator_.AnswerNext(WithReason(absl::AbortedError("attempt 2 is over"), "ATTEMPT_OVER"));
  const absl::Status found = rendezvous_->Find().status();
  EXPECT_THAT(found, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(GetReason(found), "ATTEMPT_OVER");
  coordinator_.AnswerNext(absl::AbortedError("attempt 2 is over"));
  EXPECT_THAT(rendezvous_->Publish("127.0.0.1:5"), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(RendezvousTest, PassesOnWhatAnotherCallWouldNotChange) {
  coordinator_.AnswerNext(absl::InvalidArgumentError("address: must be host:port"));
  EXPECT_THAT(rendezvous_->Publish(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace pretext
