#ifndef PRETEXT_WORKER_AGENT_RANK_LOG_H_
#define PRETEXT_WORKER_AGENT_RANK_LOG_H_

#include <cstddef>
#include <string>

#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// Where what a rank prints goes: FOLDER/7-xray-ATTEMPT-RANK.log for jobs/7-xray.
std::string RankLogPath(const std::string& folder, const v1::RankAssignment& assignment);

// The last lines of a file, at most `lines` of them and `bytes` in all, joined by " | ". Blank lines,
// control characters and what is not UTF-8 are left out. Empty when there is nothing to read.
std::string ReadLastWords(const std::string& path, size_t lines = 3, size_t bytes = 600);

// Deletes the oldest logs of FOLDER so that at most `keep` remain.
void PruneRankLogs(const std::string& folder, size_t keep);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_RANK_LOG_H_
