// Whatever a model, an upstream or a client writes: what is mended is JSON, what is JSON is left as
// it is, and nothing that comes of an answer, a request or a schema breaks the others.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/json_schema.h"
#include "filters/validate/asked.h"
#include "filters/validate/inspect.h"
#include "filters/validate/json_repair.h"
#include "filters/validate/reformulate.h"
#include "filters/validate/reprompt.h"
#include "filters/validate/stream_answer.h"
#include "filters/validate/usage.h"
#include "proxy/base/json_checker.h"
#include "tests/fuzz/require.h"

namespace outrigger::filters {
namespace {

bool anything(std::string_view) {
  return true;
}

void check_repair(std::string_view text) {
  const auto done = repair_json(text, anything);
  if (is_json(text)) require(text.size() > kMaxRepaired || (done && *done == text), "left");
  if (!done) return;
  require(is_json(*done), "what is mended is JSON");
  const auto again = repair_json(*done, anything);
  require(again && *again == *done, "mended once, it is right");
}

void check_schema(std::string_view text) {
  using Written = config::JsonSchema::Written;
  for (const Written written :
       {Written::kInConfiguration, Written::kInRequest, Written::kAsOpenApi}) {
    const auto schema = config::JsonSchema::compile(text, written);
    if (!schema) continue;
    for (const std::string_view json : {text, std::string_view("null"), std::string_view("[{}]")}) {
      const auto complaint = schema->complaint(json);
      require(!complaint || complaint->size() <= config::JsonSchema::kMaxComplaint, "bounded");
    }
  }
}

void check_form(Form form, std::string_view request, std::string_view answer) {
  (void)asked_of(form, request);
  Wanted wanted;
  wanted.form = form;
  wanted.arguments = true;
  wanted.text.push_back(std::make_shared<const config::JsonSchema>(config::JsonSchema::any()));
  const Inspection found = inspect(wanted, answer, Mending::kDeterministic);
  if (found.result == Inspection::Result::kMended) require(is_json(found.body), "mended");
  if (const auto changed = reformulate(form, request, answer)) {
    require(is_json(changed->body), "a reformulated request is JSON");
  }
  for (const Events events : {Events::kSse, Events::kArray}) {
    const auto whole = assemble(form, events, answer);
    if (whole && is_json(*whole)) (void)as_stream(form, events, *whole);
  }
  if (!is_json(answer)) return;
  const auto again = reprompt(form, request, {answer, found.choice, found.empty, "wrong"});
  if (again) require(is_json(*again), "a request that asks again is JSON");
  Usage usage(form);
  usage.add(answer);
  require(is_json(usage.put_into(std::string(answer))), "an answer stays JSON");
  (void)as_stream(form, Events::kSse, answer);
}

}  // namespace
}  // namespace outrigger::filters

// A request and an answer, apart by an empty line that is not one of an event stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outrigger::filters;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kGap = "\n====\n";
  const std::size_t gap = bytes.find(kGap);
  const std::string_view request = bytes.substr(0, gap);
  const std::string_view answer =
      gap == std::string_view::npos ? bytes : bytes.substr(gap + kGap.size());
  check_repair(answer);
  check_schema(request);
  for (const Form form : {Form::kChat, Form::kResponses, Form::kAnthropic, Form::kGemini}) {
    check_form(form, request, answer);
  }
  return 0;
}
