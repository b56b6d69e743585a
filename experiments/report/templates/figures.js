// Unpacks Plotly and draws every .plot of the page.
addEventListener("DOMContentLoaded", async () => {
  const packed = atob(document.getElementById("plotly").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  for (const place of document.querySelectorAll(".plot")) {
    const { data, layout } = JSON.parse(place.dataset.figure);
    Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
  }
});
