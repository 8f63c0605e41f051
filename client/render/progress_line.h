#ifndef PRETEXT_CLIENT_RENDER_PROGRESS_LINE_H_
#define PRETEXT_CLIENT_RENDER_PROGRESS_LINE_H_

#include <string>

#include "pretext/v1/job.pb.h"

namespace pretext {

struct LineStyle {
  int width = 0;      // columns that there are; 0: no limit
  bool bar = false;   // draw a bar
  bool utf8 = false;  // of block characters
};

// Where a running job is, in one line:
//   [1/3] pretrain [#####    ] 54 %  epoch 2/3  step 127/234  loss 7.012 (chance 9.011), spread 0.83
//   1,532 images/s  data wait 3 %  ETA 1 min 12 s                                     (on the same line)
// When it is too narrow, first the bar shrinks, then parts are left out, the least telling first. Pure.
std::string ProgressLine(const v1::Job& job, const LineStyle& style);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_PROGRESS_LINE_H_
