// `outrigger explain METHOD URL`: what the proxy would do with a request. Calls nobody.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace outrigger::cli {

struct ExplainOptions {
  std::string first;   // a code, or the method
  std::string second;  // the URL
  std::vector<std::string> headers;
  std::optional<std::string> body;  // as given: text, @file or @- for standard input
  std::string config;
  bool json = false;
  bool defaults = false;
};

// Returns an ExitCode: kExitFailure where no upstream gets the request.
int explain_request(const ExplainOptions& options);

}  // namespace outrigger::cli
