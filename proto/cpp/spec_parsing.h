#ifndef PRETEXT_PROTO_CPP_SPEC_PARSING_H_
#define PRETEXT_PROTO_CPP_SPEC_PARSING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// Where something stands in a text, from 1; line 0 means nowhere.
struct SourcePlace {
  int line = 0;
  int column = 0;
};

// From field paths ("stages[0].pretrain.epochs") to where they were written.
class SourceMap {
 public:
  void Set(const std::string& path, SourcePlace place) { places_[path] = place; }

  // The place of the field itself or, when it was not written, of the nearest message around it that was.
  SourcePlace Find(absl::string_view path) const;

 private:
  std::map<std::string, SourcePlace> places_;
};

// One fault of a written spec.
struct SpecFault {
  std::string path;  // of the field; empty: the text as a whole
  SourcePlace place;
  std::string message;
};

struct ParsedSpec {
  v1::JobSpec spec;  // what could be read
  SourceMap places;
  std::vector<SpecFault> faults;  // in the order of the text; empty: all was read
};

// Reads a job written as YAML, or JSON, which is a part of YAML. The form is that of the messages: a map of
// fields by their names, enum values in any case, an empty value for a message with all defaults. Goes on
// after a fault, so that all are found: unknown keys (with the nearest name), keys given twice, more than one
// kind of a stage or task, values of the wrong type. Defaults are not filled in and nothing else is checked.
// Never fails and never throws, whatever the text.
ParsedSpec ParseSpec(absl::string_view text);

// Sets one field of `spec` from "stages[0].pretrain.epochs=5"; the value is YAML, so lists and maps do. An
// index one past the end adds an element. INVALID_ARGUMENT says which part of the path or value is wrong.
absl::Status SetField(absl::string_view assignment, v1::JobSpec* spec);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SPEC_PARSING_H_
