"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const precise = matchMedia("(pointer: fine)").matches;
  const property = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const switchedOff = new Set(); // names of hidden curves

  // Plots. The data are in the page, the colours in the style sheet.
  const axis = (own) => ({
    gridcolor: property("grid"), linecolor: property("rule"), zerolinecolor: property("quiet"),
    zeroline: false, automargin: true, ...own, title: { standoff: 10, font: { size: 13 }, ...own.title },
  });
  const coloured = (trace) => {
    const color = property(trace.meta.colour);
    return { ...trace, line: { ...trace.line, color }, marker: { ...trace.marker, color } };
  };
  const draw = (plot) => {
    const { data, layout } = figures[plot.dataset.figure];
    const traces = data.map((trace) => ({ ...coloured(trace), visible: !switchedOff.has(trace.name) }));
    const base = property("sans");
    return Plotly.react(plot, traces, {
      ...layout,
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
      font: { family: base, size: 13, color: property("ink") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: property("raised"), bordercolor: property("rule"), font: { family: base, color: property("ink") }, namelength: -1 },
      margin: { l: 44, r: 12, t: 12, b: 44 },
      showlegend: false, hovermode: "closest",
      // On touch screens dragging scrolls the page.
      dragmode: precise ? "zoom" : false,
    }, {
      responsive: true, displaylogo: false, displayModeBar: precise ? "hover" : false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    });
  };
  const plots = [...document.querySelectorAll("[data-figure]")];
  const drawVisible = () => plots.filter((plot) => !plot.closest("[hidden]")).forEach(draw);

  // Groups of panels; a list selects the one that is shown.
  for (const select of document.querySelectorAll("[data-switch]")) {
    const show = () => {
      for (const panel of document.querySelectorAll(`[data-group="${select.dataset.switch}"]`)) {
        panel.hidden = panel.dataset.panel !== select.value;
      }
    };
    select.addEventListener("change", () => { show(); drawVisible(); });
    show();
  }
  drawVisible();
  dark.addEventListener("change", drawVisible);

  // Legends. Each switches curves in all plots of its section.
  for (const legend of document.querySelectorAll("[data-legend]")) {
    const own = plots.filter((plot) => plot.closest("section") === legend.closest("section"));
    const traces = new Map(own.flatMap((plot) => figures[plot.dataset.figure].data.map((trace) => [trace.name, trace])));
    for (const [name, trace] of traces) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = trace.meta.title;
      button.className = trace.line.dash === "solid" ? "" : "dashed";
      button.style.setProperty("--colour", `var(--${trace.meta.colour})`);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const wasOff = switchedOff.delete(name);
        if (!wasOff) switchedOff.add(name);
        button.setAttribute("aria-pressed", wasOff);
        drawVisible();
      });
      legend.append(button);
    }
  }

  // Crops: two pictures on top of each other; the left one is clipped at the slider.
  for (const crop of document.querySelectorAll(".crop")) {
    const box = crop.querySelector(".compare");
    const slider = box.querySelector("input");
    const images = [...box.querySelectorAll("img")];
    const [left, right] = ["left", "right"].map((side) => crop.querySelector(`[data-side=${side}]`));
    let chosen = [left.value, right.value];
    const label = (select) => select.selectedOptions[0].textContent;
    const slide = () => {
      box.style.setProperty("--at", `${slider.value}%`);
      slider.setAttribute("aria-valuetext", `${label(left)} ${slider.value} %, ${label(right)} ${100 - slider.value} %`);
    };
    const choose = () => {
      // If a side chooses the picture of the other side, the two are swapped.
      if (left.value === right.value) [left.value, right.value] = [chosen[1], chosen[0]];
      chosen = [left.value, right.value];
      images.forEach((image, place) => {
        image.className = place === +left.value ? "left" : place === +right.value ? "right" : "";
      });
      for (const select of [left, right]) {
        crop.querySelector(`.facts[data-facts=${select.dataset.side}]`).textContent = select.selectedOptions[0].dataset.facts;
      }
      slide();
    };
    slider.addEventListener("input", slide);
    left.addEventListener("change", choose);
    right.addEventListener("change", choose);
    choose();
  }
})();
