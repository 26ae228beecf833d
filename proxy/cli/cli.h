// The command line (operability 3.6): data on stdout, messages on stderr, an exit code that scripts
// can use.
#pragma once

namespace outrigger::cli {

// Parses and runs one command; what the process exits with.
int main(int argc, char** argv);

}  // namespace outrigger::cli
