// A program whose engine and reader are static: they end when the program does, after main. Its
// argument is the data directory.
#include <cstdio>
#include <optional>
#include <utility>

#include "tenax/engine.hpp"

namespace {
std::optional<tenax::engine> the_engine;
std::optional<tenax::reader> the_reader;
}  // namespace

int main(int, char** argv) {
  auto opened = tenax::engine::open(argv[1]);
  if (!opened) return std::puts(opened.error().to_string().c_str()), 1;
  the_engine.emplace(std::move(*opened));
  const auto ok = the_engine->submit(tenax::workflow_builder("static").id("w").action("a", "noop"));
  if (!ok) return std::puts(ok.error().to_string().c_str()), 1;
  if (!the_engine->await("w")) return 1;
  auto reads = tenax::reader::open(argv[1]);
  if (!reads) return std::puts(reads.error().to_string().c_str()), 1;
  the_reader.emplace(std::move(*reads));
  return 0;
}
