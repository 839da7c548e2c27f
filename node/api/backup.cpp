// POST /v1/backup: a copy of the data directory, in a directory of the server's machine.
#include <string>
#include <utility>

#include "model/documents/json_writer.hpp"
#include "node/api/bodies.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

void back_up(const call& c) {
  // It writes where it is told to: for the user whose files these are, or who has a token for that.
  if (!c.request().is_unix && c.at().locks->is_open()) {
    return c.answer(refusal(403, "without tokens a backup is asked for over the Unix socket only",
                            c.request()));
  }
  auto said = body_of(c, read_backup);
  if (!said) return;
  c.later([dir = std::move(said->dir)](const call& self) {
    if (const auto made = self.target().backup(dir); !made) return self.refuse(made.error());
    self.answer(200,
                model::object_text([&](model::json_writer& out) { out.string("backup", dir); }));
  });
}

}  // namespace tenax::api
