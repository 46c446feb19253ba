// Lists every text that a person sees whose contrast is below WCAG 2.2 AA: 4.5, and 3 for large text.
() => {
  const parts = (text) => {
    const found = (text.match(/[\d.]+(e-\d+)?/g) ?? []).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [found[0] * scale, found[1] * scale, found[2] * scale, found[3] ?? 1];
  };
  const over = (top, below, alpha) => [0, 1, 2].map((at) => top[at] * alpha + below[at] * (1 - alpha));
  const luminance = (colour) => {
    const linear = colour.map((part) => part / 255).map((p) => (p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const parent = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const ground = (element) => {
    for (let each = element; each; each = parent(each)) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] > 0) return over(colour, ground(parent(each)), colour[3]);
    }
    return [255, 255, 255];
  };
  const pale = [];
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join(" ");
      if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest("svg, style, script")) continue;
      if (element.closest("[data-testid=stIconMaterial], [disabled], [aria-disabled=true], canvas, [data-testid=stStatusWidget]")) continue;
      const style = getComputedStyle(element), size = parseFloat(style.fontSize), colour = parts(style.color);
      let opacity = colour[3];
      for (let each = element; each; each = parent(each)) opacity *= parseFloat(getComputedStyle(each).opacity);
      if (opacity === 0) continue;
      const below = ground(element), [low, high] = [over(colour, below, opacity), below].map(luminance).sort((a, b) => a - b);
      const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      const contrast = (high + 0.05) / (low + 0.05);
      if (contrast < needed) pale.push(`${contrast.toFixed(2)} ${text.slice(0, 60)}`);
    }
  };
  visit(document);
  return pale;
}
