#include "tests/unit/http/h1_cases.h"

#include <fmt/format.h>

#include <memory>

namespace outrigger::http {
namespace {

void dump_fields(std::string& out, const Headers& headers) {
  for (const Field& field : headers) {
    out += fmt::format("{} [{}]: {}\n", field.name, static_cast<int>(field.id), field.value);
  }
}

// Gives each prefix in memory of its own size, so that a read behind its end is seen by ASan and a
// pointer kept from an earlier call is one into freed memory.
template <class Parser>
Progress feed(Parser& parser, std::string_view bytes, const std::vector<std::size_t>& cuts) {
  Progress progress = Progress::kIncomplete;
  for (std::size_t i = 0; i <= cuts.size() && progress == Progress::kIncomplete; ++i) {
    const std::size_t size = i < cuts.size() ? cuts[i] : bytes.size();
    const auto prefix = std::make_unique<char[]>(size);
    bytes.copy(prefix.get(), size);
    progress = parser.parse({prefix.get(), size});
  }
  return progress;
}

template <class Parser, class Frame>
H1Verdict judge(Parser parser, std::string_view bytes, const std::vector<std::size_t>& cuts,
                Frame frame) {
  H1Verdict verdict;
  verdict.progress = feed(parser, bytes, cuts);
  if (verdict.progress == Progress::kRefused) {
    verdict.status = parser.refusal().status;
    verdict.code = parser.refusal().code;
  }
  if (verdict.progress != Progress::kComplete) return verdict;
  verdict.head_bytes = parser.size();
  const auto head = parser.take(Slice::copy(bytes.substr(0, parser.size())));
  verdict.dump = dump(head);
  if (const auto framing = frame(head)) {
    verdict.framing = *framing;
  } else {
    verdict.status = framing.error().status;
    verdict.code = framing.error().code;
  }
  return verdict;
}

}  // namespace

H1Verdict judge_request(std::string_view bytes, const std::vector<std::size_t>& cuts,
                        HeadLimits limits) {
  return judge(RequestParser(limits), bytes, cuts, request_framing);
}

H1Verdict judge_response(std::string_view bytes, const std::vector<std::size_t>& cuts,
                         Method of_request, HeadLimits limits) {
  return judge(ResponseParser(limits), bytes, cuts,
               [&](const ResponseHead& head) { return response_framing(head, of_request); });
}

std::string dump(const RequestHead& head) {
  std::string out =
      fmt::format("{} {} form {} version {} scheme {} authority {} protocol {}\n", head.method_text,
                  head.target, static_cast<int>(head.form), static_cast<int>(head.version),
                  head.scheme, head.authority, head.protocol);
  dump_fields(out, head.headers);
  return out;
}

std::string dump(const ResponseHead& head) {
  std::string out =
      fmt::format("{} {} version {}\n", head.status, head.reason, static_cast<int>(head.version));
  dump_fields(out, head.headers);
  return out;
}

}  // namespace outrigger::http
