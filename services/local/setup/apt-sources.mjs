// Reads the package sources that the machine names, in both of apt's notations, and picks from them. Pure.

/** Consul left the distributions after these suites; their packages still run on later ones. */
const LAST_SUITE_WITH_CONSUL = { debian: "bullseye", ubuntu: "jammy" };
/** Debian has Docker Compose 2 from here on; its program runs on the releases before. */
const FIRST_SUITE_WITH_COMPOSE = { suite: "trixie", before: ["buster", "bullseye", "bookworm"] };
const FREE_COMPONENTS = new Set(["main", "universe"]);

/**
 * One source: where, which suites, which components, and its options under their names in .sources files.
 * @typedef {{uris: string[], suites: string[], components: string[], options: Record<string, string>}} Source
 */

/**
 * Binary package sources of a file of /etc/apt; what is disabled, commented out or for source code is left out.
 * @param {"list" | "sources"} notation one line a source, or paragraphs of fields
 * @returns {Source[]}
 */
export function parseSources(text, notation) {
  return notation === "list"
    ? text.split("\n").flatMap(parseLine)
    : text.split(/\n[ \t]*\n/).flatMap(parseParagraph);
}

/** deb [option=value …] uri suite component… */
function parseLine(line) {
  const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
  if (match === null) return [];
  const [, options = "", uri, suite, components = ""] = match;
  return [{ uris: [uri], suites: [suite], components: words(components), options: lineOptions(options) }];
}

function lineOptions(text) {
  const pairs = words(text).flatMap((pair) => {
    const at = pair.search(/[-+]?=/);
    return at <= 0
      ? []
      : [[fieldName(pair.slice(0, at)), pair.slice(pair.indexOf("=") + 1).replaceAll(",", " ")]];
  });
  return Object.fromEntries(pairs);
}

function fieldName(option) {
  const plural = { arch: "Architectures", lang: "Languages", target: "Targets", pdiffs: "PDiffs" };
  return plural[option] ?? canonical(option);
}

/** Field names are written in any case: "signed-by" → "Signed-By", "URIs" → "Uris". */
function canonical(name) {
  return name
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
    .join("-");
}

function parseParagraph(paragraph) {
  const lines = paragraph.split("\n").filter((line) => !line.startsWith("#"));
  const fields = {};
  let last;
  for (const line of lines) {
    const field = /^([A-Za-z][A-Za-z0-9-]*)\s*:(.*)$/.exec(line);
    if (field !== null) {
      last = canonical(field[1]);
      fields[last] = field[2].trim();
    } else if (last !== undefined && /^\s/.test(line)) {
      // A key may be written out in full over many lines, which keep their indentation.
      fields[last] += `\n${line}`;
    }
  }
  const { Types = "", Uris = "", Suites = "", Components = "", Enabled = "yes", ...options } = fields;
  const isOff =
    /^(no|false|0|off)$/i.test(Enabled) || !words(Types).includes("deb") || words(Uris).length === 0;
  return isOff ? [] : [{ uris: words(Uris), suites: words(Suites), components: words(Components), options }];
}

/**
 * The distribution's own suites (release, updates, security), without what others provide; all there is when none is named
 * after the release, as with "stable".
 */
export function ownSources(sources, codename) {
  const own = sources.flatMap((source) => {
    const suites = source.suites.filter(
      (suite) =>
        suite === codename ||
        (/^-(updates|security)$/.test(suite.slice(codename.length)) && suite.startsWith(codename)),
    );
    return narrowed(source, suites);
  });
  return own.length > 0
    ? own
    : sources.filter((source) => !source.uris.some((uri) => uri.startsWith("cdrom:")));
}

/** The older suite that still has Consul, from the same hosts and checked with the same keys. */
export function olderSources(sources, { codename, family }) {
  const older = LAST_SUITE_WITH_CONSUL[family];
  return older === undefined || older === codename ? [] : atSuite(sources, codename, older);
}

/** The newer suite that has Docker Compose 2, in the same way; none where the release has it itself. */
export function newerSources(sources, { codename, family }) {
  const { suite, before } = FIRST_SUITE_WITH_COMPOSE;
  return family === "debian" && before.includes(codename) ? atSuite(sources, codename, suite) : [];
}

function atSuite(sources, codename, wanted) {
  const isRelease = (suite) => suite === codename || ["stable", "testing", "unstable", "sid"].includes(suite);
  return sources.flatMap((source) => narrowed(source, source.suites.some(isRelease) ? [wanted] : []));
}

function narrowed(source, suites) {
  const components = source.components.filter((component) => FREE_COMPONENTS.has(component));
  const uris = source.uris.filter((uri) => !uri.startsWith("cdrom:"));
  return suites.length === 0 || components.length === 0 || uris.length === 0
    ? []
    : [{ ...source, uris, suites, components }];
}

/** As a .sources file. */
export function formatSources(sources) {
  return sources
    .map(({ uris, suites, components, options }) => {
      const head = {
        Types: "deb",
        URIs: uris.join(" "),
        Suites: suites.join(" "),
        Components: components.join(" "),
      };
      return Object.entries({ ...head, ...options })
        .filter(([, value]) => value !== "")
        .map(([name, value]) => `${name}:${value.startsWith("\n") ? "" : " "}${value}\n`)
        .join("");
    })
    .join("\n");
}

/** The distribution from /etc/os-release; `family` is "debian", "ubuntu" or undefined. */
export function parseOsRelease(text) {
  const fields = Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=["']?([^"'\n]*)["']?$/gm)].map(([, name, value]) => [name, value]),
  );
  const kin = new Set([fields.ID, ...words(fields.ID_LIKE ?? "")]);
  const family = ["ubuntu", "debian"].find((name) => kin.has(name));
  return {
    family,
    codename: fields.UBUNTU_CODENAME ?? fields.VERSION_CODENAME ?? "",
    name: fields.PRETTY_NAME ?? "this system",
  };
}

function words(text) {
  return text.split(/\s+/).filter((word) => word !== "");
}
