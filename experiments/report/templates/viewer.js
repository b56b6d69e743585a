// Draws the poses of every .viewer of the page, and turns and runs them.
addEventListener("DOMContentLoaded", () => {
  const START = [25, -10], MISSING = -32768, DEGREE = Math.PI / 180;

  const unpack = (text, unit, size) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const steps = new Int16Array(bytes.buffer), points = [];
    for (let at = 0; at < steps.length; at += size) {
      const point = Array.from(steps.subarray(at, at + size));
      points.push(point.includes(MISSING) ? null : point.map((step) => step * unit));
    }
    return points;
  };

  const make = (parent, name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return parent.appendChild(element);
  };

  // The parts of a drawn skeleton, made once; `place` moves them to points of the plane.
  const skeleton = (parent, scene, truth) => {
    const group = make(parent, "g", {});
    const side = (joint) =>
      scene.left.includes(joint) ? "left" : scene.right.includes(joint) ? "right" : "middle";
    const kind = truth ? " truth" : "";
    const bones = scene.bones.map(([from, to]) => ({
      joints: [from, to], element: make(group, "path", { class: side(to) + kind }),
    }));
    const ends = scene.names.map((_, joint) => joint).filter((joint) =>
      side(joint) !== "middle" && !scene.bones.some(([from]) => from === joint));
    const marks = truth ? [] : scene.names.map((name, joint) => {
      const element = make(group, "circle", { class: side(joint), r: 3 });
      make(element, "title", {}).textContent = name;
      return { joints: [joint], element };
    });
    const letters = truth ? [] : ends.map((joint) => {
      const element = make(group, "text", { class: side(joint), "aria-hidden": "true" });
      element.textContent = side(joint)[0].toUpperCase();
      const [bone] = scene.bones.find(([, to]) => to === joint);
      return { joints: [joint], element, from: bone };
    });
    return (points) => {
      const parts = [...bones, ...marks, ...letters];
      const depth = (part) =>
        part.joints.reduce((sum, joint) => sum + (points[joint]?.[2] ?? 0), 0) / part.joints.length;
      for (const { joints, element, from } of parts) {
        const [a, b] = joints.map((joint) => points[joint]);
        const seen = a && (joints.length === 1 || b);
        element.setAttribute("display", seen ? "inline" : "none");
        if (!seen) continue;
        if (b) {
          element.setAttribute("d", `M${a[0]} ${a[1]}L${b[0]} ${b[1]}`);
        } else if (from === undefined) {
          element.setAttribute("cx", a[0]);
          element.setAttribute("cy", a[1]);
        } else {
          // beyond the end of the limb
          const [dx, dy] = [0, 1].map((n) => a[n] - (points[from] ?? [a[0], a[1] - 1])[n]);
          const length = Math.hypot(dx, dy) || 1;
          element.setAttribute("x", a[0] + (10 * dx) / length);
          element.setAttribute("y", a[1] + (10 * dy) / length + 4);
        }
      }
      // what is near is drawn over what is far
      if (points[0]?.length === 3)
        group.append(...parts.sort((a, b) => depth(b) - depth(a)).map((part) => part.element));
    };
  };

  const drawInput = (svg, scene) => {
    const points = scene.keypoints.filter(Boolean);
    const range = (axis) => points.reduce(
      ([low, high], point) => [Math.min(low, point[axis]), Math.max(high, point[axis])],
      [Infinity, -Infinity]);
    const [[x0, x1], [y0, y1]] = [range(0), range(1)];
    const scale = 160 / Math.max(x1 - x0, y1 - y0, 0.01);
    svg.setAttribute("viewBox", "-100 -100 200 200");
    const place = skeleton(svg, scene, false);
    return (frame) => place(scene.at("keypoints", frame).map(
      (point) => point && [(point[0] - (x0 + x1) / 2) * scale, (point[1] - (y0 + y1) / 2) * scale]));
  };

  const drawBody = (svg, scene) => {
    svg.setAttribute("viewBox", "-105 -100 210 210");
    const all = [...scene.predicted, ...(scene.truth ?? [])].filter(Boolean);
    const radius = all.reduce((most, point) => Math.max(most, Math.hypot(...point)), 0.1);
    const lowest = all.reduce((most, point) => Math.max(most, point[1]), -Infinity);
    const floor = make(svg, "path", { class: "floor" });
    const truth = scene.truth && skeleton(svg, scene, true);
    const predicted = skeleton(svg, scene, false);
    return (frame, [turn, tilt]) => {
      const [ct, st] = [Math.cos(turn * DEGREE), Math.sin(turn * DEGREE)];
      const [cp, sp] = [Math.cos(tilt * DEGREE), Math.sin(tilt * DEGREE)];
      const project = (point) => {
        if (!point) return null;
        const [x, y, z] = point;
        const [u, w] = [ct * x + st * z, ct * z - st * x];
        const [v, depth] = [cp * y + sp * w, cp * w - sp * y];
        const scale = 90 / radius / (1 + (0.15 * depth) / radius);
        return [u * scale, v * scale, depth];
      };
      const lines = [];
      for (let at = -2; at <= 2; at++)
        for (const ends of [[[at, -2], [at, 2]], [[-2, at], [2, at]]])
          lines.push(ends.map(([x, z]) =>
            project([x * radius / 4, lowest, z * radius / 4]).slice(0, 2).join(" ")).join("L"));
      floor.setAttribute("d", "M" + lines.join("M"));
      truth?.(scene.at("truth", frame).map(project));
      predicted(scene.at("predicted", frame).map(project));
    };
  };

  const start = (viewer) => {
    const scenes = JSON.parse(viewer.querySelector("script").textContent);
    for (const scene of scenes) {
      scene.keypoints = unpack(scene.keypoints, 1e-4, 2);
      for (const key of ["predicted", "truth"])
        if (scene[key]) scene[key] = unpack(scene[key], 1e-3, 3);
      const count = scene.names.length;
      scene.at = (key, frame) => {
        const from = Math.min(frame, scene.frames - 1) * count;
        return scene[key].slice(from, from + count);
      };
    }
    let view = START, frame = 0, playing = 0;
    const drawings = [];
    viewer.querySelectorAll("figure").forEach((figure, number) => {
      for (const svg of figure.querySelectorAll("svg")) {
        const scene = scenes[number];
        const draw = svg.dataset.draw === "input" ? drawInput(svg, scene) : drawBody(svg, scene);
        const fixed = svg.dataset.view?.split(",").map(Number);
        drawings.push(() => draw(frame, fixed ?? view));
      }
    });
    const slider = viewer.querySelector("input"), output = viewer.querySelector("output");
    const play = viewer.querySelector("[data-play]");
    const frames = Math.max(...scenes.map((scene) => scene.frames)), fps = scenes[0].fps;

    const draw = () => {
      for (const each of drawings) each();
      if (!slider) return;
      slider.value = frame;
      output.value = `${frame + 1} of ${frames}, ${(frame / fps).toFixed(2)} s`;
      slider.setAttribute("aria-valuetext", output.value);
    };
    const turn = (by, tilt) => {
      view = [view[0] + by, Math.max(-89, Math.min(89, view[1] + tilt))];
      draw();
    };
    const go = (to) => { frame = (to + frames) % frames; draw(); };
    const toggle = () => {
      playing = playing ? 0 : performance.now();
      play.textContent = playing ? "Pause" : "Play";
      const begun = playing, from = frame;
      const step = (now) => {
        if (playing !== begun) return;
        const to = (from + Math.floor((Math.max(0, now - begun) / 1000) * fps)) % frames;
        if (to !== frame) go(to);
        requestAnimationFrame(step);
      };
      if (playing) requestAnimationFrame(step);
    };

    for (const button of viewer.querySelectorAll("button[data-view]"))
      button.onclick = () => { view = button.dataset.view.split(",").map(Number); draw(); };
    for (const button of viewer.querySelectorAll("[data-by]"))
      button.onclick = () => turn(Number(button.dataset.by), 0);
    if (slider) {
      play.onclick = toggle;
      slider.oninput = () => { if (playing) toggle(); go(Number(slider.value)); };
    }
    const keys = {
      ArrowLeft: () => turn(10, 0), ArrowRight: () => turn(-10, 0),
      ArrowUp: () => turn(0, 10), ArrowDown: () => turn(0, -10),
      Home: () => { view = START; draw(); },
    };
    if (slider) Object.assign(keys, {
      " ": toggle, ",": () => go(frame - 1), ".": () => go(frame + 1),
    });
    for (const svg of viewer.querySelectorAll("[data-draw=turned]")) {
      svg.onkeydown = (event) => {
        if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        keys[event.key]();
      };
      svg.onpointerdown = (event) => svg.setPointerCapture(event.pointerId);
      svg.onpointermove = (event) => {
        if (svg.hasPointerCapture(event.pointerId)) turn(-event.movementX / 2, -event.movementY / 2);
      };
    }
    draw();
  };
  for (const viewer of document.querySelectorAll(".viewer")) {
    // a page may hold hundreds of poses: those that are folded away are drawn when they are opened
    const folded = viewer.closest("details:not([open])");
    if (folded) folded.addEventListener("toggle", () => start(viewer), { once: true });
    else start(viewer);
  }
});
