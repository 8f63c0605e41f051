#ifndef PRETEXT_WORKER_TASKS_RESOLVED_FIELD_H_
#define PRETEXT_WORKER_TASKS_RESOLVED_FIELD_H_

#include <string>

namespace pretext {

// A value that could only be chosen once the data or the machine was seen.
struct ResolvedField {
  std::string path;    // within the message it was chosen for: "image_size" of a stage
  std::string origin;  // "from the data: 28 x 28 pictures"
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_RESOLVED_FIELD_H_
