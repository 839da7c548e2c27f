// A worker that writes down what it does: ledger_worker URL LEDGER NAME SLOTS LEASE TYPE...
#include <fcntl.h>

#include <cmath>
#include <csignal>
#include <cstdio>

#include "examples/workers/tenax_worker.hpp"

namespace {

tenax_worker::worker* running = nullptr;

class ledger {
 public:
  ledger(const char* path, std::string name)
      : fd_(::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)),
        name_(std::move(name)) {}
  void write(const char* what, const tenax_worker::task& t) const {
    const auto line = std::string(what) + " " + t.idempotency_key + " " +
                      std::to_string(t.attempt) + " " + name_ + "\n";
    if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  }

 private:
  int fd_;
  std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return 2;
  const std::string name = argv[3];
  const ledger book(argv[2], name);
  tenax_worker::worker_options how;
  how.name = name;
  how.slots = static_cast<unsigned>(std::stoul(argv[4]));
  how.lease = std::chrono::milliseconds(std::lround(1'000 * std::stod(argv[5])));
  how.log = [](const std::string&) {};
  tenax_worker::worker worker(argv[1], how);
  for (int i = 6; i < argc; ++i) {
    worker.add(argv[i], [&](const tenax_worker::task& t) {
      book.write("begin", t);
      const auto ms = t.input.at("ms").get<int>();
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      if (t.attempt == 1 && std::hash<std::string>()(t.idempotency_key) % 10 == 0) {
        book.write("fail", t);
        throw tenax_worker::failed("flaky", "the first time");
      }
      book.write("end", t);
      return nlohmann::json{{"ms", ms}, {"by", name}};
    });
  }
  running = &worker;
  std::signal(SIGTERM, [](int) { running->stop(); });
  worker.run();
}
