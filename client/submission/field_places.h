#ifndef PRETEXT_CLIENT_SUBMISSION_FIELD_PLACES_H_
#define PRETEXT_CLIENT_SUBMISSION_FIELD_PLACES_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "proto/cpp/spec_parsing.h"

namespace pretext {

// Where the person who wrote a job finds a field of it: in a file, or in an option. Thread-compatible.
class FieldPlaces {
 public:
  FieldPlaces() = default;
  // Of a job file, by the name it was given with.
  FieldPlaces(std::string file, SourceMap places) : file_(std::move(file)), places_(std::move(places)) {}

  // The field at `path`, and all below it, comes from `option` ("--epochs", "--set stages[0]...").
  void SetOption(const std::string& path, const std::string& option) { options_[path] = option; }

  // Where it stands in the file; line 0: nowhere.
  SourcePlace PlaceOf(absl::string_view path) const { return places_.Find(path); }
  // What a message about the field begins with: "--epochs", "job.yaml:12:7: stages[0].pretrain.epochs", or
  // "stages[0].pretrain.epochs" when nobody wrote it.
  std::string Describe(absl::string_view path) const;
  // The same for a place in the file.
  std::string Describe(SourcePlace place, absl::string_view path) const;

 private:
  std::string file_;  // empty: there is none
  SourceMap places_;
  std::map<std::string, std::string> options_;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SUBMISSION_FIELD_PLACES_H_
