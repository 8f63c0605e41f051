#ifndef PRETEXT_CLIENT_RENDER_MESSAGE_TEXT_H_
#define PRETEXT_CLIENT_RENDER_MESSAGE_TEXT_H_

#include <ostream>
#include <string>

#include "google/protobuf/message.h"

namespace pretext {

// Messages of the contract for programs: proto3's JSON with the contract's own field names. Fields without a
// value of their own are there with their default, so that scripts need not ask; only in job specifications
// they are left out, so that what is printed can be submitted again.

std::string MessageToJson(const google::protobuf::Message& message);      // over several lines
std::string MessageToJsonLine(const google::protobuf::Message& message);  // without its line end
std::string MessageToYaml(const google::protobuf::Message& message);

// Writes messages one after the other.
class MessageWriter {
 public:
  enum class Form {
    kJsonArray,  // one document
    kJsonLines,  // a document a line, each flushed: for streams
    kYamlList,   // one document, each item flushed
  };
  // `out` outlives it.
  MessageWriter(std::ostream* out, Form form) : out_(out), form_(form) {}

  void Add(const google::protobuf::Message& message);
  // Call once, last.
  void Finish();

 private:
  std::ostream* const out_;
  const Form form_;
  bool any_ = false;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_MESSAGE_TEXT_H_
