#ifndef PRETEXT_PROTO_CPP_JOB_STATE_H_
#define PRETEXT_PROTO_CPP_JOB_STATE_H_

#include "pretext/v1/job.pb.h"

namespace pretext {

// Whether nothing more will happen to a job in this state, unless it is restarted.
inline bool IsSettled(v1::Job::State state) {
  return state == v1::Job::SUCCEEDED || state == v1::Job::FAILED || state == v1::Job::CANCELLED;
}

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_JOB_STATE_H_
