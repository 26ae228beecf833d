#include "filters/validate/mender.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "filters/classify/answer_kind.h"
#include "filters/classify/error_body.h"
#include "filters/validate/reformulate.h"
#include "filters/validate/reprompt.h"
#include "proxy/base/json_checker.h"
#include "proxy/base/json_cursor.h"
#include "proxy/http/status.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kMostDetail = 200;  // of a complaint, for the client

// What came, without its content coding; nothing when it cannot be read within the bound.
std::optional<std::string> decoded(const http::Headers& headers, std::string_view body,
                                   std::size_t most) {
  auto text = decode_bounded(headers.get(http::HeaderId::kContentEncoding), body, most);
  if (!text || !text->complete) return std::nullopt;
  return std::move(text->text);
}

// Cut between two characters.
std::string_view shortened(std::string_view text) noexcept {
  if (text.size() <= kMostDetail) return text;
  std::size_t end = kMostDetail;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

Events events_of(bool array) noexcept {
  return array ? Events::kArray : Events::kSse;
}

}  // namespace

Mender::Mender(const ValidateRoute& route, Exchange& exchange)
    : route_(route),
      exchange_(exchange),
      form_(route.validate.what == config::ValidateWhat::kContent
                ? form_of(route.policies.dialect, exchange.request.head)
                : Form::kNone),
      body_(exchange),
      substitute_(exchange),
      usage_(form_) {
  exchange.repair = {};
  exchange.repair_prompts = 0;
}

// The body is there once it was sent; as it was read by then, it is all of it.
const std::string* Mender::original() {
  if (!std::exchange(looked_for_original_, true) && is_identity(exchange_.request.head.headers)) {
    original_ = body_.whole();
  }
  return original_ ? &*original_ : nullptr;
}

Mending Mender::mending() const noexcept {
  return repairs() && route_.validate.repair->deterministic ? Mending::kDeterministic
                                                            : Mending::kNone;
}

bool Mender::may_reformulate(const http::Response& response) {
  return response.head.status == 400 && form_ != Form::kNone &&
         mending() == Mending::kDeterministic && original() != nullptr;
}

bool Mender::reformulate(const http::ResponseHead& head, std::string_view error) {
  std::optional<std::string> text;
  if (!is_identity(head.headers)) {
    text = decoded(head.headers, error, kMaxError);
    if (!text) return false;
  }
  std::optional<Reformulated> done = filters::reformulate(form_, *original_, text ? *text : error);
  if (!done) return false;
  if (route_.shadow) {
    exchange_.would_have.push_back({config::Shadowed::kValidate, "reformulate"});
    return false;
  }
  reformulated_ = true;
  original_ = std::move(done->body);
  exchange_.repair = exchange_.request.head.headers.intern("reformulated; ", done->what);
  substitute_.put(*original_, "reformulated");
  return true;
}

bool Mender::looks_at(const http::Response& response) const {
  const http::ResponseHead& head = response.head;
  const bool has_answer = response.tunnel == nullptr && http::is_success(head.status) &&
                          head.status != 206 && !http::has_no_content(head.status) &&
                          exchange_.request.head.method != http::Method::kHead;
  if (!has_answer) return false;
  if (route_.validate.what == config::ValidateWhat::kBody) {
    return route_.schema != nullptr && !is_stream(response);
  }
  if (form_ == Form::kNone) return false;
  if (is_event_stream(response.head.headers)) {
    return route_.policies.commit.until == config::CommitUntil::kOnComplete;
  }
  return is_json_type(head.headers.get(http::HeaderId::kContentType));
}

const Wanted& Mender::wanted() {
  if (wanted_) return *wanted_;
  Wanted& wanted = wanted_.emplace();
  wanted.form = form_;
  if (route_.validate.what == config::ValidateWhat::kBody) {
    wanted.body.push_back(route_.schema);
    return wanted;
  }
  if (route_.schema != nullptr) wanted.text.push_back(route_.schema);
  if (route_.validate.from_request && original() != nullptr) add_wanted_of_request(wanted);
  return wanted;
}

void Mender::add_wanted_of_request(Wanted& wanted) {
  const Asked asked = asked_of(form_, *original_);
  wanted.arguments = true;
  if (!asked.schema.text.empty()) {
    auto schema = route_.cache.get(asked.schema.text, asked.schema.written);
    wanted.in_part = schema == nullptr;
    if (schema != nullptr) wanted.text.push_back(std::move(schema));
  }
  // JSON at least, where there is no schema, or one that means nothing here.
  if (asked.json && wanted.text.empty()) {
    wanted.text.push_back(route_.cache.get("true", config::JsonSchema::Written::kInRequest));
  }
  for (const Asked::Tool& tool : asked.tools) {
    auto schema = route_.cache.get(tool.schema.text, tool.schema.written);
    wanted.in_part = wanted.in_part || schema == nullptr;
    if (schema != nullptr) wanted.tools.push_back({std::string(tool.name), std::move(schema)});
  }
}

std::optional<Mender::Answer> Mender::read(const http::Response& response, std::string_view body) {
  Answer answer{body, std::nullopt, Shape::kWhole};
  if (!is_identity(response.head.headers)) {
    answer.made = decoded(response.head.headers, body, route_.policies.commit.max_answer);
    if (!answer.made) return std::nullopt;
  }
  if (is_event_stream(response.head.headers)) {
    answer.shape = Shape::kSse;
  } else if (form_ == Form::kGemini && JsonCursor(answer.json()).peek() == '[') {
    answer.shape = Shape::kArray;
    if (!is_json(answer.json())) return std::nullopt;
  }
  if (answer.shape == Shape::kWhole) return answer;
  answer.made = assemble(form_, events_of(answer.shape == Shape::kArray), answer.json());
  if (!answer.made) return std::nullopt;
  return answer;
}

bool Mender::put(http::Response& response, Shape shape, std::string_view json) const {
  std::optional<std::string> stream;
  if (shape != Shape::kWhole) {
    stream = as_stream(form_, events_of(shape == Shape::kArray), json);
    if (!stream) return false;
  }
  const std::string_view body = stream ? std::string_view(*stream) : json;
  http::Headers& headers = response.head.headers;
  for (const std::string_view stale : {"content-encoding", "content-length", "content-md5",
                                       "content-digest", "repr-digest", "digest", "etag"}) {
    headers.remove(stale);
  }
  headers.add("Content-Length", fmt::format_int(body.size()).c_str());
  response.body = http::Body(Slice::copy(body));
  return true;
}

Mender::Step Mender::judge(http::Response& response, const std::optional<Slice>& body) {
  if (!body) return unchecked();
  const std::optional<Answer> answer = read(response, body->view());
  if (!answer) return unchecked();
  Inspection inspection = inspect(wanted(), answer->json(), mending());
  if (route_.shadow) return shadowed(inspection);
  usage_.add(answer->json());
  if (prompts_ > 0) tokens_ += Usage::written(form_, answer->json());
  if (inspection.result == Inspection::Result::kInvalid) {
    return reject(*answer, std::move(inspection));
  }
  return pass(response, *answer, std::move(inspection));
}

// Too large, or not to be read. After a repair it is not what was promised.
Mender::Step Mender::unchecked() {
  if (prompts_ > 0) {
    why_not_ = "the answer to the repair could not be read";
    return Step::kRefuse;
  }
  if (!route_.shadow) count(route_.unchecked);
  return Step::kPass;
}

Mender::Step Mender::shadowed(const Inspection& inspection) {
  using enum Inspection::Result;
  if (inspection.result == kGood) return Step::kPass;
  const bool asks = repairs() && route_.validate.repair->prompts > 0 && !inspection.cut &&
                    form_ != Form::kNone && original() != nullptr;
  exchange_.would_have.push_back(
      {config::Shadowed::kValidate,
       inspection.result == kMended ? "repair" : (asks ? "reprompt" : "refuse")});
  return Step::kPass;
}

Mender::Step Mender::pass(http::Response& response, const Answer& answer, Inspection inspection) {
  const bool mended = inspection.result == Inspection::Result::kMended;
  std::string changed = std::move(inspection.body);
  if (prompts_ > 0) changed = usage_.put_into(mended ? changed : std::string(answer.json()));
  if ((mended || prompts_ > 0) && !put(response, answer.shape, changed)) {
    complaint_ = "the answer could not be made a stream again";
    return Step::kRefuse;
  }
  passed_ = true;
  if (prompts_ > 0) {
    note("reprompt");
    count(route_.reprompted);
  } else if (mended || reformulated_) {
    if (mended) note("deterministic");
    count(route_.repaired);
  } else {
    count(inspection.in_part ? route_.unchecked : route_.ok);
  }
  return Step::kPass;
}

// In the order in which it was done, as a list of words with parameters.
void Mender::note(std::string_view how) {
  if (exchange_.repair.empty()) {
    exchange_.repair = how;
    return;
  }
  const std::string both = fmt::format("{}, {}", exchange_.repair, how);
  exchange_.repair = exchange_.request.head.headers.intern(both);
}

Mender::Step Mender::reject(const Answer& answer, Inspection inspection) {
  const bool same = prompts_ > 0 && inspection.wrong == wrong_;
  complaint_ = std::move(inspection.complaint);
  wrong_ = std::move(inspection.wrong);
  if (!repairs()) return Step::kRefuse;
  const config::Repair& repair = *route_.validate.repair;
  if (!until_) until_ = exchange_.loop.now() + repair.time;
  if (inspection.cut) {
    why_not_ = "asked again, it would be cut again";
  } else if (same) {
    why_not_ = "the model gave the same answer again";
  } else if (prompts_ >= repair.prompts) {
    why_not_ = "it was asked as often as repair.prompts allows";
  } else if (form_ == Form::kNone) {
    why_not_ = "there is no model to ask";
  } else if (original() == nullptr) {
    why_not_ = "the request was not kept";
  } else if (time_left() <= Duration{0}) {
    why_not_ = "the time of repair.time is over";
  } else {
    inspection.complaint = complaint_;
    return ask_again(answer, inspection) ? Step::kAgain : Step::kRefuse;
  }
  return Step::kRefuse;
}

bool Mender::ask_again(const Answer& answer, const Inspection& inspection) {
  const std::optional<std::string> body =
      reprompt(form_, *original_,
               {answer.json(), inspection.choice, inspection.empty, inspection.complaint});
  if (!body) {
    why_not_ = "the request has no place for another turn";
    return false;
  }
  const std::uint64_t added = (body->size() - original_->size()) / 4;
  // The next answer will be about as long as this one.
  const std::uint64_t expected = added + Usage::written(form_, answer.json());
  if (tokens_ + expected > route_.validate.repair->max_tokens) {
    why_not_ = "it would cost more than repair.max_tokens";
    return false;
  }
  tokens_ += added;
  exchange_.repair_prompts = ++prompts_;
  substitute_.put(*body, fmt::format("repair{}", prompts_));
  return true;
}

Duration Mender::time_left() const noexcept {
  return until_ ? *until_ - exchange_.loop.now() : Duration{0};
}

std::unexpected<Error> Mender::refuse() {
  count(route_.failed);
  exchange_.repair = {};
  std::string detail = fmt::format("it fails validation: {}", shortened(complaint_));
  if (!why_not_.empty()) fmt::format_to(std::back_inserter(detail), " ({})", why_not_);
  return std::unexpected(Error{Errc::kProtocol, Origin::kUpstream, Phase::kAnswered,
                               "invalid_response", std::move(detail)});
}

Result<http::Response> Mender::finish(Result<http::Response> outcome) {
  // The repair itself failed: what is wrong with the first answer says more than why nobody mended
  // it, unless nobody waits any more.
  if (prompts_ > 0 && !passed_ && !exchange_.scope->cancelled()) {
    why_not_ = outcome ? "the upstream refused the repair" : "the repair failed";
    return refuse();
  }
  if (!outcome) return outcome;
  // A failure is the outer filters' to mend, with the request that the client sent.
  if (!http::is_success(outcome->head.status)) {
    exchange_.repair = {};
    if (outcome->body.whole() == nullptr) substitute_.stay();  // it may still be read
    return outcome;
  }
  if (reformulated_ && !counted_) count(route_.repaired);  // a stream, which is not held
  substitute_.stay();
  return outcome;
}

}  // namespace outrigger::filters
