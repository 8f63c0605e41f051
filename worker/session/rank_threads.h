#ifndef PRETEXT_WORKER_SESSION_RANK_THREADS_H_
#define PRETEXT_WORKER_SESSION_RANK_THREADS_H_

#include <string>

#include "pretext/v1/job.pb.h"

namespace pretext {

struct RankThreads {
  int compute = 1;
  int data = 1;         // read and augment
  std::string warning;  // which wish was cut to what; empty: none
};

// As the spec says, but at most 8 a core, and 64 whatever the cores are: more only take memory and the
// machine's processes from others. Without a word of the spec the node's cores are divided among the job's
// ranks there, at least one each, and data threads are as many, at most 8.
RankThreads DivideThreads(const v1::Resources& resources, int cores, int local_world_size);

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_RANK_THREADS_H_
