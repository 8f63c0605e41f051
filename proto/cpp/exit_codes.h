#ifndef PRETEXT_PROTO_CPP_EXIT_CODES_H_
#define PRETEXT_PROTO_CPP_EXIT_CODES_H_

namespace pretext {

// How a rank's process ends, for the coordinator, Slurm's RequeueExit and Kubernetes' podFailurePolicy.
// Values follow sysexits(3) where it has one.
enum RankExitCode {
  kRankFinished = 0,      // all stages done
  kRankPeerLost = 33,     // another rank of the gang is gone; retried
  kRankBadSpec = 64,      // the job can never work; not retried
  kRankBadData = 65,      // the data cannot be used; not retried
  kRankNonFinite = 66,    // the loss or a gradient was not finite
  kRankUnavailable = 69,  // a service or file system it needs is gone; retried
  kRankFault = 70,        // a fault of the program
  kRankStopped = 75,      // checkpointed and stopped as asked
  kRankFenced = 76,       // its attempt was over
};

// How pretext-server and pretext-worker's agent end, for whoever started them; 0: as they were asked to.
enum ServiceExitCode {
  kServiceBadUsage = 64,     // the command line is wrong
  kServiceUnavailable = 69,  // a service, a file system or an address that it needs is not to be had
  kServiceFault = 70,        // a fault of the program
  kServiceInUse = 73,        // another one holds its state folder
  kServiceReplaced = 75,     // another one has taken over its journal or its node
};

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_EXIT_CODES_H_
