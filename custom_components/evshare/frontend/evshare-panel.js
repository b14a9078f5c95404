// The panel in Home Assistant's sidebar: every building with the way into its office. It holds no data and no rights
// of its own; the service it calls decides who is let in. Home Assistant's own elements change from month to month,
// so only its documented `hass` object, its WebSocket commands and its theme variables are used.

const DOMAIN = "evshare";

// An integration's translation files have no section for the texts of a panel.
export const TEXTS = {
  en: {
    menu: "Open the sidebar",
    about: "The office keeps tariffs, statements and payments. It opens in a new tab and you are signed in.",
    open: "Open the office",
    connected: "The app is connected.",
    disconnected: "The app is not connected. The building goes on; the office opens when the app is back.",
    no_app: "This building has no app. Enter one under Settings > Devices & services > evshare > Reconfigure.",
    not_running: "This building is not running. Settings > Devices & services > evshare says why.",
    held_back: "The new tab was held back. This link works for a minute:",
    failed: "That did not work. Try again in a moment.",
  },
  de: {
    menu: "Seitenleiste öffnen",
    about: "Das Büro führt Tarife, Abrechnungen und Zahlungen. Es öffnet sich in einem neuen Tab, Sie sind angemeldet.",
    open: "Büro öffnen",
    connected: "Die App ist verbunden.",
    disconnected: "Die App ist nicht verbunden. Das Gebäude läuft weiter; das Büro öffnet sich, wenn sie wieder da ist.",
    no_app: "Dieses Gebäude hat keine App. Tragen Sie sie unter Einstellungen > Geräte & Dienste > evshare > Neu konfigurieren ein.",
    not_running: "Dieses Gebäude läuft nicht. Unter Einstellungen > Geräte & Dienste > evshare steht, warum.",
    held_back: "Der neue Tab wurde zurückgehalten. Dieser Link gilt eine Minute:",
    failed: "Das ging nicht. Versuchen Sie es gleich noch einmal.",
  },
};

const PAGE = document.createElement("template");
PAGE.innerHTML = `
  <style>
    :host { display: block; min-height: 100%; background: var(--primary-background-color);
      color: var(--primary-text-color); }
    header { display: flex; align-items: center; gap: 8px; box-sizing: border-box; height: var(--header-height, 56px);
      padding: 0 16px; background: var(--app-header-background-color); color: var(--app-header-text-color);
      border-bottom: var(--app-header-border-bottom, none); }
    h1 { margin: 0; font-size: 20px; font-weight: 400; }
    .menu { display: none; width: 48px; height: 48px; margin-left: -12px; padding: 12px; border: 0; border-radius: 50%;
      background: none; color: inherit; cursor: pointer; }
    :host([with-menu]) .menu { display: block; }
    main { max-width: 600px; margin: 0 auto; padding: 16px; }
    .about { margin: 8px 0 24px; color: var(--secondary-text-color); line-height: 1.5; }
    section { margin-bottom: 16px; padding: 16px; border: 1px solid var(--divider-color);
      border-radius: var(--ha-card-border-radius, 12px); background: var(--card-background-color); }
    h2 { margin: 0 0 4px; font-size: 20px; font-weight: 500; overflow-wrap: anywhere; }
    p { margin: 0 0 16px; line-height: 1.5; }
    .notice { margin: 16px 0 0; }
    .notice:empty { display: none; }
    .notice a { color: var(--primary-color); font-weight: 500; }
    .open { min-height: 44px; padding: 0 20px; border: 0; border-radius: 22px; font: inherit; font-weight: 500;
      background: var(--primary-color); color: var(--text-primary-color); cursor: pointer; }
    .open:disabled { background: var(--divider-color); color: var(--secondary-text-color); cursor: default; }
    .open[aria-busy=true] { cursor: progress; }
    :focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
  </style>
  <header>
    <button class="menu" type="button">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" d="M3 6h18v2H3zm0 5h18v2H3zm0 5h18v2H3z"/></svg>
    </button>
    <h1>evshare</h1>
  </header>
  <main><p class="about"></p></main>`;

const CARD = document.createElement("template");
CARD.innerHTML = `
  <section>
    <h2></h2>
    <p class="app" role="status"></p>
    <button class="open" type="button"></button>
    <p class="notice" role="alert"></p>
  </section>`;

function wordsOf(hass) {
  return TEXTS[hass.language?.split("-")[0]] ?? TEXTS.en;
}

/** What keeps the office shut or not, as a key of TEXTS; null when the entity that knows was taken away. */
function appOf(hass, entry) {
  if (entry.state !== "loaded") return "not_running";
  const entity = Object.values(hass.entities).find(
    (one) =>
      one.platform === DOMAIN &&
      one.translation_key === "app_connected" &&
      hass.devices[one.device_id]?.config_entry_id === entry.entry_id,
  );
  switch (hass.states[entity?.entity_id]?.state) {
    case "on":
      return "connected";
    case "off":
      return "disconnected";
    case "unavailable":
      return "no_app";
    default:
      return null;
  }
}

/** Why a service refused, in the user's language. */
async function reasonOf(hass, error) {
  const { translation_domain: domain, translation_key: key, translation_placeholders: values } = error;
  if (!key) return wordsOf(hass).failed;
  try {
    const localize = await hass.loadBackendTranslation("exceptions", domain);
    return localize(`component.${domain}.exceptions.${key}.message`, values) || wordsOf(hass).failed;
  } catch {
    return wordsOf(hass).failed;
  }
}

/** One building on the page. */
class Building {
  #hass;
  #asking = false;

  constructor() {
    this.element = CARD.content.cloneNode(true).firstElementChild;
    [this.name, this.app, this.button, this.notice] = this.element.children;
    this.button.addEventListener("click", () => this.#open());
  }

  show(hass) {
    this.#hass = hass;
    const words = wordsOf(hass);
    const app = appOf(hass, this.entry);
    this.name.textContent = this.entry.title;
    // Only when it changed, or a screen reader would say it again with every state in the house.
    const said = app ? words[app] : "";
    if (this.app.textContent !== said) this.app.textContent = said;
    this.button.textContent = words.open;
    this.button.disabled = app !== null && app !== "connected";
  }

  async #open() {
    if (this.#asking) return;
    this.#wait(true);
    this.notice.replaceChildren();
    // Opened while the click still counts, or it would be held back as a pop-up. With "noopener" there would be no
    // hold on the tab to send it anywhere, so the way back is cut by hand before it leaves.
    const tab = window.open("", "_blank");
    try {
      const { response } = await this.#hass.callWS({
        type: "call_service",
        domain: DOMAIN,
        service: "office_link",
        service_data: { config_entry_id: this.entry.entry_id },
        return_response: true,
      });
      if (tab) {
        tab.opener = null;
        tab.location.replace(response.url);
      } else {
        this.#offer(response);
      }
    } catch (error) {
      tab?.close();
      this.notice.textContent = await reasonOf(this.#hass, error);
    } finally {
      this.#wait(false);
    }
  }

  #wait(asking) {
    this.#asking = asking;
    this.button.setAttribute("aria-busy", asking);
  }

  /** A link for browsers that hold the tab back, as long as the ticket in it is good. */
  #offer({ url, expires_in_s: life }) {
    const words = wordsOf(this.#hass);
    const link = Object.assign(document.createElement("a"), {
      href: url,
      target: "_blank",
      rel: "noopener noreferrer",
      textContent: words.open,
    });
    const gone = () => link.isConnected && this.notice.replaceChildren();
    link.addEventListener("click", () => setTimeout(gone));
    setTimeout(gone, life * 1000);
    this.notice.replaceChildren(words.held_back, " ", link);
  }
}

class EvsharePanel extends HTMLElement {
  #hass;
  #narrow = false;
  #buildings = new Map();
  #watched;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.append(PAGE.content.cloneNode(true));
    this.menu = root.querySelector(".menu");
    this.menu.addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("hass-toggle-menu", { bubbles: true, composed: true })),
    );
    this.about = root.querySelector(".about");
    this.main = root.querySelector("main");
  }

  set hass(hass) {
    this.#hass = hass;
    this.#show();
  }

  set narrow(narrow) {
    this.#narrow = narrow;
    if (this.#hass) this.#show();
  }

  connectedCallback() {
    this.#watched = this.#hass.connection.subscribeMessage((changes) => this.#take(changes), {
      type: "config_entries/subscribe",
      type_filter: ["hub"],
    });
  }

  async disconnectedCallback() {
    const stop = await this.#watched;
    await stop();
  }

  #take(changes) {
    // The first message, and the first after every reconnection, holds all entries.
    if (changes.every(({ type }) => type === null)) this.#buildings.clear();
    for (const { type, entry } of changes) {
      if (entry.domain !== DOMAIN) continue;
      if (type === "removed" || entry.disabled_by) {
        this.#buildings.delete(entry.entry_id);
        continue;
      }
      const building = this.#buildings.get(entry.entry_id) ?? new Building();
      building.entry = entry;
      this.#buildings.set(entry.entry_id, building);
    }
    const sorted = [...this.#buildings.values()].sort((a, b) => a.entry.title.localeCompare(b.entry.title));
    const cards = sorted.map(({ element }) => element);
    const shown = [...this.main.querySelectorAll("section")];
    // Cards that stay where they are keep the focus.
    if (cards.length !== shown.length || cards.some((card, index) => card !== shown[index]))
      this.main.replaceChildren(this.about, ...cards);
    this.#show();
  }

  #show() {
    const words = wordsOf(this.#hass);
    this.toggleAttribute("with-menu", this.#narrow || this.#hass.dockedSidebar === "always_hidden");
    this.menu.setAttribute("aria-label", words.menu);
    this.about.textContent = words.about;
    for (const building of this.#buildings.values()) building.show(this.#hass);
  }
}

customElements.define("evshare-panel", EvsharePanel);
