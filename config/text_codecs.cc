// Texts: names, hosts, addresses, paths, files, secrets.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/address.h"
#include "config/codecs.h"
#include "config/field_name.h"
#include "config/json_pointer.h"
#include "config/mask.h"
#include "config/suggest.h"

namespace outrigger::config {
namespace {

using Kind = Type::Kind;

bool refuse_address(Decoder& decoder, Code code, const Node& node, const AddressError& problem) {
  // A hint may repeat the text, which a variable's value must not.
  const bool from_variable = !node.written.empty();
  return refuse(decoder, code, node,
                mask_user_info(fmt::format("{} {}", node.quote(), problem.message)),
                from_variable ? std::string() : mask_user_info(problem.hint));
}

bool canonical(Decoder& decoder, Code code, const Node& node,
               std::expected<std::string, AddressError> parsed, std::string& out) {
  if (!parsed) return refuse_address(decoder, code, node, parsed.error());
  out = std::move(*parsed);
  return true;
}

bool decode_certificate_file(Decoder& decoder, const Field& field, const Node& node,
                             std::string& out) {
  out =
      node.text;  // also when it is refused: a certificate that cannot be read is not a missing one
  const auto content = decoder.environment().read_file(node.text);
  if (!content) {
    return refuse(decoder, Code::kCertificate, node,
                  fmt::format("cannot read {}: {}", node.quote(), content.error().detail));
  }
  const bool wants_key = field.key == "key_file";
  const bool has_key = content->find("PRIVATE KEY-----") != std::string::npos;
  const bool has_certificate = content->find("-----BEGIN CERTIFICATE") != std::string::npos ||
                               content->find("-----BEGIN TRUSTED CERTIFICATE") != std::string::npos;
  if (wants_key ? !has_key : !has_certificate) {
    return refuse(decoder, Code::kCertificate, node,
                  fmt::format("{} holds no {} in PEM form", node.quote(),
                              wants_key ? "private key" : "certificate"),
                  wants_key && has_certificate ? "this is a certificate: were the two swapped?"
                  : !wants_key && has_key      ? "this is a private key: were the two swapped?"
                                               : "");
  }
  return true;
}

bool decode_json_text(Decoder& decoder, const Node& node, std::string& out) {
  auto text = decoder.text_or_file(node, Code::kJson, "the JSON");
  if (!text) return false;
  if (!nlohmann::json::accept(*text)) {
    return refuse(decoder, Code::kJson, node, fmt::format("{} is not JSON", node.quote()),
                  "check it with a JSON tool, or name a file with file:");
  }
  out = std::move(*text);
  return true;
}

bool decode_content(Decoder& decoder, const Node& node, std::string& out) {
  auto text = decoder.text_or_file(node, Code::kText, "the text");
  if (!text) return false;
  out = std::move(*text);
  return true;
}

bool decode_text(Decoder& decoder, const Node& node, std::string& out) {
  if (node.text.empty())
    return refuse(decoder, Code::kText, node, fmt::format("{} is empty", decoder.path()));
  if (!node.quoted && node.written.empty() && (node.text == "true" || node.text == "false")) {
    return refuse(decoder, Code::kText, node, fmt::format("{} is a boolean", node.quote()),
                  fmt::format("write \"{}\" for the text", node.text));
  }
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(node.text, control)) {
    return refuse(decoder, Code::kText, node,
                  fmt::format("{} holds control characters", node.quote()));
  }
  out = node.text;
  return true;
}

bool valid_method(std::string_view method) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !method.empty() && std::ranges::all_of(method, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != std::string_view::npos;
  });
}

bool is_target(std::string_view text) {
  const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  return text.starts_with('/') && std::ranges::all_of(text, visible);
}

// A target in which each `{...}` is the key or a pointer into the request's body.
bool is_template(std::string_view text) {
  if (!is_target(text)) return false;
  while (true) {
    const std::size_t open = text.find_first_of("{}");
    if (open == std::string_view::npos) return true;
    const std::size_t close = text.find('}', open);
    if (text[open] == '}' || close == std::string_view::npos) return false;
    const std::string_view name = text.substr(open + 1, close - open - 1);
    if (name.empty() || (name != "idempotency-key" && !is_json_pointer(name))) return false;
    text.remove_prefix(close + 1);
  }
}

bool decode_hosts(Decoder& decoder, const Node& node, std::string_view text, std::string& out) {
  const bool below = text.starts_with('.');
  std::string host;
  if (!canonical(decoder, Code::kHost, node, parse_host(text.substr(below ? 1 : 0)), host))
    return false;
  out = (below ? "." : "") + host;
  return true;
}

// What is wrong with a text of the kind; an empty problem: nothing.
struct Complaint {
  Code code = Code::kText;
  std::string_view problem = {};
  std::string hint = {};
};

Complaint complaint_of(const Type& type, std::string_view text) {
  switch (type.kind) {
    case Kind::kTarget:
      if (is_target(text)) break;
      return {Code::kPath, "is not a path to ask for",
              "it starts with a slash and has no spaces and no fragment"};
    case Kind::kTemplate:
      if (is_template(text)) break;
      return {Code::kPath, "is not a path with placeholders",
              "it starts with a slash, has no spaces, and fills in {idempotency-key} or "
              "{/json/pointer}"};
    case Kind::kPointer:
      if (is_json_pointer(text)) break;
      return {Code::kPointer, "is not a JSON pointer",
              "each part begins with a slash, for example \"/error/code\""};
    case Kind::kFailure: {
      if (std::ranges::find(type.words, text) != type.words.end()) break;
      const std::string_view near = nearest(text, {type.words.begin(), type.words.end()});
      return {Code::kWord, "is not an error of RFC 9209",
              near.empty() ? std::string("for example connection_timeout")
                           : fmt::format("did you mean \"{}\"?", near)};
    }
    case Kind::kFieldName:
      if (is_field_name(text)) break;
      return {Code::kText, "is not the name of a header", "for example x-tenant"};
    case Kind::kMethod:
      if (valid_method(text)) break;
      return {Code::kMethod, "is not a method", "methods are written in upper case"};
    case Kind::kName:
      if (is_usable_name(text)) break;
      return {Code::kName, "is not a usable name",
              "lower-case letters, digits, -, _ and ., at most 64"};
    default:
      break;
  }
  return {};
}

}  // namespace

bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  std::string& out) {
  if (is_special(field, node)) {
    out.clear();
    return true;
  }
  if (!decoder.scalar(field, node)) return false;
  if (type.kind == Kind::kJson) return decode_json_text(decoder, node, out);
  if (type.kind == Kind::kContent) return decode_content(decoder, node, out);
  std::string text;
  if (!decode_text(decoder, node, text)) return false;
  switch (type.kind) {
    case Kind::kHost:
      return canonical(decoder, Code::kHost, node, parse_host(text), out);
    case Kind::kAuthority:
      return canonical(decoder, Code::kHost, node, parse_host_port(text), out);
    case Kind::kHosts:
      return decode_hosts(decoder, node, text, out);
    case Kind::kPath:
      return canonical(decoder, Code::kPath, node, parse_path_prefix(text), out);
    case Kind::kNetwork:
      return canonical(decoder, Code::kNetwork, node, parse_network(text), out);
    case Kind::kFile:
      return decode_certificate_file(decoder, field, node, out);
    default:
      break;
  }
  Complaint complaint = complaint_of(type, text);
  if (!complaint.problem.empty()) {
    return refuse(decoder, complaint.code, node,
                  fmt::format("{} {}", node.quote(), complaint.problem), std::move(complaint.hint));
  }
  out = type.kind == Kind::kFieldName ? lower_case(text) : std::move(text);
  return true;
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node,
                  Secret& out) {
  if (!decoder.scalar(field, node)) return false;
  auto value = decoder.secret(node);
  if (!value) return false;
  out = Secret(std::move(*value));
  return true;
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node,
                  Endpoint& out) {
  if (!decoder.scalar(field, node)) return false;
  auto parsed = parse_url(node.text);
  if (!parsed) return refuse_address(decoder, Code::kUrl, node, parsed.error());
  out = std::move(*parsed);
  return true;
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node,
                  ListenAddress& out) {
  if (!decoder.scalar(field, node)) return false;
  auto parsed = parse_listen_address(node.text);
  if (!parsed) return refuse_address(decoder, Code::kListenAddress, node, parsed.error());
  out = std::move(*parsed);
  return true;
}

}  // namespace outrigger::config
