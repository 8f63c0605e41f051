#include "worker/train/finite_step.h"

#include <ATen/ops/zeros.h>

#include <limits>

#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class CheckFiniteTest : public ::testing::Test {
 protected:
  CheckFiniteTest() {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      const at::Tensor parameter = at::zeros({2, 3}).requires_grad_();
      parameter.mutable_grad() = at::zeros({2, 3});
      groups_[0].parameters.emplace_back(name, parameter);
    }
  }

  at::Tensor gradient(int i) { return groups_[0].parameters[i].second.mutable_grad(); }
  absl::Status Check(double loss, double norm) { return CheckFinite("pretrain", 120, loss, norm, groups_); }

  std::vector<ParameterGroup> groups_ = {{"all", {}}};
};

TEST_F(CheckFiniteTest, PassesNumbers) { EXPECT_OK(Check(1e30, 0)); }

TEST_F(CheckFiniteTest, NamesStageStepValueAndTheFirstParameters) {
  for (int i = 1; i < 5; ++i) gradient(i)[1][2] = kNan;
  const absl::Status status = Check(2.5, kNan);
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kAborted,
               AllOf(HasSubstr("stage pretrain, step 120: the loss is 2.5 and the gradients' norm nan; "
                               "not finite: the gradient of b, c, d and 1 more."),
                     HasSubstr("learning_rate"))));
  EXPECT_EQ(GetReason(status), "NON_FINITE");
}

TEST_F(CheckFiniteTest, NamesWeightsThatWentBad) {
  groups_[0].parameters[4].second.detach()[0][0] = -kInfinity;
  gradient(0)[0][0] = kInfinity;
  EXPECT_THAT(
      Check(-kInfinity, kInfinity),
      StatusIs(absl::StatusCode::kAborted,
               HasSubstr("the loss is -inf and the gradients' norm inf; not finite: the gradient of a; "
                         "the weights of e.")));
}

TEST_F(CheckFiniteTest, SaysWhenNothingElseIsBad) {
  groups_[0].parameters[2].second.mutable_grad().reset();
  EXPECT_THAT(Check(kInfinity, 1),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("every gradient and weight is finite")));
}

}  // namespace
}  // namespace pretext
