#include "proxy/mock/call.h"

#include <algorithm>
#include <array>
#include <optional>

namespace outrigger::mock {
namespace {

constexpr std::uint32_t kMostChoices = 16;
constexpr std::uint32_t kMostInputs = 2048;

struct Suffix {
  std::string_view path;
  Dialect dialect;
};

constexpr std::array kSuffixes = {
    Suffix{"/chat/completions", Dialect::kOpenAiChat},
    Suffix{"/responses", Dialect::kOpenAiResponses},
    Suffix{"/embeddings", Dialect::kOpenAiEmbeddings},
    Suffix{"/v1/models", Dialect::kOpenAiModels},
    Suffix{"/v1/messages", Dialect::kAnthropic},
    Suffix{":generateContent", Dialect::kGemini},
    Suffix{":streamGenerateContent", Dialect::kGemini},
    Suffix{"/converse", Dialect::kBedrockConverse},
    Suffix{"/converse-stream", Dialect::kBedrockConverse},
    Suffix{"/invoke", Dialect::kBedrockInvoke},
    Suffix{"/invoke-with-response-stream", Dialect::kBedrockInvoke},
    Suffix{"/v2/chat", Dialect::kCohere},
    Suffix{"/api/chat", Dialect::kOllama},
};

constexpr std::array kStripeKinds = {"charges", "customers", "payment_intents", "refunds",
                                     "invoices"};

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

// Slack's methods: /api/chat.postMessage.
bool is_slack(std::string_view path) noexcept {
  const std::size_t at = path.rfind("/api/");
  if (at == std::string_view::npos) return false;
  const std::string_view method = path.substr(at + 5);
  return contains(method, ".") && !contains(method, "/");
}

bool is_stripe(std::string_view path) noexcept {
  const std::size_t at = path.rfind("/v1/");
  if (at == std::string_view::npos) return false;
  const std::string_view rest = path.substr(at + 4);
  return std::ranges::any_of(kStripeKinds, [&](std::string_view kind) {
    return rest == kind || (rest.starts_with(kind) && rest[kind.size()] == '/');
  });
}

Dialect dialect_of(std::string_view path) noexcept {
  for (const Suffix& suffix : kSuffixes) {
    if (path.ends_with(suffix.path)) return suffix.dialect;
  }
  if (is_slack(path)) return Dialect::kSlack;
  if (is_stripe(path)) return Dialect::kStripe;
  if (contains(path, "/services/data/")) return Dialect::kSalesforce;
  if (contains(path, "/repos/") || path.ends_with("/graphql")) return Dialect::kGitHub;
  if (contains(path, "/crm/")) return Dialect::kHubSpot;
  return Dialect::kEcho;
}

Form form_of(const Call& call, std::string_view query) {
  switch (call.dialect) {
    case Dialect::kGemini:
      if (!call.path.ends_with(":streamGenerateContent")) return Form::kWhole;
      return query_value(query, "alt") == "sse" ? Form::kSse : Form::kArray;
    case Dialect::kBedrockConverse:
    case Dialect::kBedrockInvoke:
      return call.path.ends_with("-stream") ? Form::kFrames : Form::kWhole;
    case Dialect::kOllama: {  // streams unless it is told not to
      const bool off =
          call.body.is_object() && call.body.contains("stream") && !is_true(call.body, "stream");
      return off ? Form::kWhole : Form::kLines;
    }
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiResponses:
    case Dialect::kAnthropic:
    case Dialect::kCohere:
      return is_true(call.body, "stream") ? Form::kSse : Form::kWhole;
    default:
      return Form::kWhole;
  }
}

// Gemini and Bedrock have the model in the path, between `after` and the next mark.
std::string model_in_path(std::string_view path, std::string_view after, char until) {
  const std::size_t at = path.rfind(after);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = path.substr(at + after.size());
  return std::string(rest.substr(0, rest.rfind(until)));
}

std::string model_of(const Call& call) {
  if (call.dialect == Dialect::kGemini) return model_in_path(call.path, "/models/", ':');
  if (call.dialect == Dialect::kBedrockConverse || call.dialect == Dialect::kBedrockInvoke)
    return model_in_path(call.path, "/model/", '/');
  const std::string named = text_of(call.body, "model");
  return named.empty() ? "mock-1" : named;
}

std::uint32_t number_of(const Json& body, std::string_view name, std::uint32_t most) {
  if (!body.is_object()) return 1;
  const auto found = body.find(name);
  if (found == body.end() || !found->is_number_unsigned()) return 1;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(found->get<std::uint64_t>(), 1, most));
}

std::uint32_t inputs_of(const Json& body) {
  if (!body.is_object()) return 1;
  const auto found = body.find("input");
  if (found == body.end() || !found->is_array() || found->empty()) return 1;
  if (found->front().is_number()) return 1;  // one text as tokens
  return static_cast<std::uint32_t>(std::min<std::size_t>(found->size(), kMostInputs));
}

std::optional<char> escaped(std::string_view text) noexcept {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const int letter = (c | 0x20) - 'a';
    return letter >= 0 && letter < 6 ? letter + 10 : -1;
  };
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = digit(text[1]);
  const int low = digit(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const auto byte = escaped(text.substr(i))) {
      out += *byte;
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Dialect dialect) noexcept {
  constexpr std::array<std::string_view, 16> kNames = {"openai chat",
                                                       "openai responses",
                                                       "openai embeddings",
                                                       "openai models",
                                                       "anthropic",
                                                       "gemini",
                                                       "bedrock converse",
                                                       "bedrock invoke",
                                                       "cohere",
                                                       "ollama",
                                                       "stripe",
                                                       "salesforce",
                                                       "slack",
                                                       "github",
                                                       "hubspot",
                                                       "echo"};
  return kNames[static_cast<std::size_t>(dialect)];
}

Call read_call(std::string_view method, std::string_view path, std::string_view query,
               std::string_view body) {
  Call call;
  call.method = method;
  call.path = path;
  call.dialect = dialect_of(path);
  call.body = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (call.body.is_discarded()) call.body = nullptr;
  call.form = form_of(call, query);
  call.model = model_of(call);
  call.choices = number_of(call.body, "n", kMostChoices);
  call.inputs = inputs_of(call.body);
  call.prompt_tokens = body.size() / 4 + 1;
  if (call.body.is_object() && call.body.contains("stream_options"))
    call.include_usage = is_true(call.body["stream_options"], "include_usage");
  return call;
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=')
      return decoded(pair.substr(name.size() + 1));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

}  // namespace outrigger::mock
