#include "client/render/message_text.h"

#include <yaml-cpp/yaml.h>

#include <sstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/telemetry.pb.h"
#include "proto/cpp/spec_parsing.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Job ExampleJob() {
  v1::Job job;
  job.set_name("jobs/1-xray");
  job.set_state(v1::Job::RUNNING);
  job.mutable_spec()->set_name("xray");
  job.mutable_spec()->add_stages()->mutable_pretrain()->add_tasks()->mutable_moco()->set_queue_length(4096);
  (*job.mutable_spec()->mutable_labels())["on"] = "yes: \"no\"\n";
  return job;
}

TEST(MessageTextTest, JsonHasTheContractsNamesAndItsDefaults) {
  const nlohmann::json json = nlohmann::json::parse(MessageToJson(ExampleJob()));
  EXPECT_EQ(json["name"], "jobs/1-xray");
  EXPECT_EQ(json["state"], "RUNNING");
  EXPECT_EQ(json["restarts"], 0);
  EXPECT_EQ(json["spec"]["stages"][0]["pretrain"]["tasks"][0]["moco"]["queue_length"], 4096);
}

TEST(MessageTextTest, ASpecificationThatWasPrintedCanBeReadAgain) {
  const v1::Job job = ExampleJob();
  const nlohmann::json json = nlohmann::json::parse(MessageToJson(job));
  for (const std::string& text :
       {json["spec"].dump(), MessageToYaml(job.spec()), MessageToJson(job.spec())}) {
    const ParsedSpec parsed = ParseSpec(text);
    EXPECT_THAT(parsed.faults, IsEmpty()) << text;
    EXPECT_EQ(parsed.spec.SerializeAsString(), job.spec().SerializeAsString()) << text;
  }
}

TEST(MessageTextTest, YamlMeansWhatJsonMeans) {
  const std::string yaml = MessageToYaml(ExampleJob());
  EXPECT_THAT(yaml, HasSubstr("name: jobs/1-xray\n"));
  const YAML::Node node = YAML::Load(yaml);
  EXPECT_EQ(node["spec"]["labels"]["on"].as<std::string>(), "yes: \"no\"\n");
  EXPECT_EQ(node["spec"]["stages"][0]["pretrain"]["tasks"][0]["moco"]["queue_length"].as<int>(), 4096);
  EXPECT_TRUE(node["placements"].IsSequence());
}

v1::MetricPoint Point(int64_t step) {
  v1::MetricPoint point;
  point.set_metric("pretrain/loss");
  point.set_step(step);
  return point;
}

std::string Written(MessageWriter::Form form, int points) {
  std::ostringstream out;
  MessageWriter writer(&out, form);
  for (int i = 0; i < points; ++i) writer.Add(Point(i));
  writer.Finish();
  return out.str();
}

TEST(MessageWriterTest, AnArrayIsOneDocumentWhateverItsLength) {
  EXPECT_EQ(Written(MessageWriter::Form::kJsonArray, 0), "[]\n");
  const nlohmann::json two = nlohmann::json::parse(Written(MessageWriter::Form::kJsonArray, 2));
  ASSERT_EQ(two.size(), 2);
  EXPECT_EQ(two[0]["value"], 0.0) << "a value of zero is a value";
}

TEST(MessageWriterTest, AStreamHasADocumentALine) {
  std::istringstream lines(Written(MessageWriter::Form::kJsonLines, 3));
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    EXPECT_EQ(nlohmann::json::parse(line)["step"], std::to_string(count++));
  }
  EXPECT_EQ(count, 3);
  EXPECT_EQ(YAML::Load(Written(MessageWriter::Form::kYamlList, 3)).size(), 3);
}

}  // namespace
}  // namespace pretext
