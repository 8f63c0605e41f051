#ifndef PRETEXT_CLIENT_COORDINATOR_CLIENT_REQUEST_ID_H_
#define PRETEXT_CLIENT_COORDINATOR_CLIENT_REQUEST_ID_H_

#include <string>

namespace pretext {

// A random UUID (version 4), never the same twice. Any thread.
std::string MakeRequestId();

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COORDINATOR_CLIENT_REQUEST_ID_H_
