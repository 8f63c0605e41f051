#ifndef PRETEXT_CLIENT_SESSION_EXIT_CODES_H_
#define PRETEXT_CLIENT_SESSION_EXIT_CODES_H_

#include "absl/status/status.h"

namespace pretext {

// How `pretext` ends, for scripts. 64 and above follow sysexits(3).
enum ExitCode {
  kExitOk = 0,
  kExitRefused = 1,        // the coordinator said no, for the reason shown: a job's state, for one
  kExitJobFailed = 10,     // the job that was followed failed
  kExitJobCancelled = 11,  // it was cancelled
  kExitUsage = 64,         // the command line or a job file is wrong; all faults are shown
  kExitNotFound = 66,      // no such job, node, metric or file
  kExitUnreachable = 69,   // no coordinator answers, or the one that does can change nothing now
  kExitFault = 70,         // a fault of the programs: report it
  kExitCannotWrite = 73,   // a file of this machine cannot be written
  kExitInterrupted = 130,  // Ctrl-C; a job that was followed goes on
};

// The table above for people, as --help shows it.
inline constexpr char kExitCodesText[] =
    "Exit codes: 0 done; 1 refused, for the reason shown; 10 the followed job failed; 11 it was cancelled;\n"
    "64 wrong usage or job file; 66 no such job, node, metric or file; 69 no coordinator answers, or it can\n"
    "change nothing now; 70 a fault of the programs; 73 a file cannot be written; 130 Ctrl-C (a followed "
    "job\n"
    "goes on).";

// Reason (proto/cpp/error_details.h) of errors about files of this machine.
inline constexpr char kLocalFileReason[] = "LOCAL_FILE";

// What an error of a command ends the program with. REQUIRES: not OK.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_EXIT_CODES_H_
