#ifndef PRETEXT_CLIENT_SUBMISSION_FITTING_H_
#define PRETEXT_CLIENT_SUBMISSION_FITTING_H_

#include <string>
#include <vector>

#include "client/session/command_context.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// Whether a job can start at all on the machines there are now.

// "needs 3 CPU slots, and the machines that take work have 2 in all", or empty when it fits. Pure.
std::string WhyItCannotStart(const v1::JobSpec& spec, const std::vector<v1::Node>& nodes);

// A remark on `context.err` when `job` cannot start before another machine joins or takes work again. Gives
// the machine of a coordinator that has just been started a few seconds to join.
void WarnIfItCannotStart(const v1::Job& job, const Reached& coordinator, CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SUBMISSION_FITTING_H_
