// The bare page: what is indexed, and one mood at a time. It uses only the public API.
const at = (id) => document.getElementById(id);

async function call(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? response.statusText);
  return body;
}

function describe(library) {
  if (!library.tracks) return "Nothing is indexed yet. Run: circumplex index DIR";
  const hours = (library.duration_s / 3600).toFixed(1);
  const when = new Date(library.indexed_at).toLocaleString();
  return `${library.tracks} tracks (${hours} h) indexed ${when}, model ${library.model_id}`;
}

function row(item) {
  const line = document.createElement("li");
  const { track, segment } = item;
  const name = document.createElement("strong");
  name.textContent = track.title ?? track.path;
  const more = document.createElement("span");
  more.className = "small";
  more.textContent = ` ${track.artist ?? ""} · score ${item.score.toFixed(2)} · valence ` +
    `${item.valence.toFixed(2)} · arousal ${item.arousal.toFixed(2)}`;
  const audio = document.createElement("audio");
  audio.controls = true;
  audio.preload = "none";
  audio.src = `v1/tracks/${track.id}/audio#t=${segment.start_s}`;
  line.append(name, more, audio);
  return line;
}

async function ask(event) {
  event?.preventDefault();
  at("message").textContent = "";
  try {
    const playlist = await call("v1/playlists", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ emotion: { mood: at("mood").value }, limit: 10 }),
    });
    at("playlist").replaceChildren(...playlist.items.map(row));
  } catch (error) {
    at("message").textContent = error.message;
  }
}

try {
  const library = await call("v1/library");
  at("library").textContent = describe(library);
  at("moods").replaceChildren(...Object.keys(library.moods).map((word) => new Option(word)));
  if (library.tracks) await ask();
} catch (error) {
  at("library").textContent = error.message;
}
at("ask").addEventListener("submit", ask);
