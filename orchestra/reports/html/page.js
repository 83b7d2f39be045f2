// Without it the page shows everything; with it rows open, are searched and come a few at a time.
(function () {
  "use strict";
  document.documentElement.className = "js";

  function start() {
    var search = document.getElementById("search");
    var found = document.getElementById("found");
    var further = document.getElementById("further");
    var filters = [].slice.call(document.querySelectorAll("[data-state]"));
    var rows = [].slice.call(document.querySelectorAll("#rows > tr:not(.more)"));
    var details = rows.map(function (row) {
      var next = row.nextElementSibling;
      return next && next.className === "more" ? next : null;
    });
    var texts = [];
    var most = 200;

    function textOf(number) {
      if (texts[number] === undefined) {
        var more = details[number];
        texts[number] = (rows[number].textContent + " " + (more ? more.textContent : "")).toLowerCase();
      }
      return texts[number];
    }

    function open(number, whether) {
      var more = details[number];
      if (!more) return;
      more.classList.toggle("open", whether);
      more.querySelectorAll("pre").forEach(function (log) { log.scrollTop = log.scrollHeight; });
      rows[number].querySelector("button").setAttribute("aria-expanded", whether);
    }

    function show(number, whether) {
      rows[number].hidden = !whether;
      if (details[number]) details[number].hidden = !whether;
    }

    function mark(wanted) {
      if (!window.CSS || !CSS.highlights) return;
      CSS.highlights.delete("found");
      if (!wanted) return;
      var marks = new Highlight();
      var walker = document.createTreeWalker(document.getElementById("rows"), NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && marks.size < 2000) {
        var node = walker.currentNode;
        if (node.parentElement.closest("[hidden]")) continue;
        var text = node.data.toLowerCase();
        for (var at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          var range = new Range();
          range.setStart(node, Math.min(at, node.length));
          range.setEnd(node, Math.min(at + wanted.length, node.length));
          marks.add(range);
        }
      }
      CSS.highlights.set("found", marks);
    }

    function apply() {
      var wanted = search.value.trim().toLowerCase();
      var states = filters.filter(function (each) { return each.getAttribute("aria-pressed") === "true"; })
        .map(function (each) { return each.dataset.state; });
      var matching = 0;
      rows.forEach(function (row, number) {
        var matches = (!states.length || states.indexOf(row.classList[0]) >= 0)
          && (!wanted || textOf(number).indexOf(wanted) >= 0);
        matching += matches;
        show(number, matches && matching <= most);
        if (wanted && matches && matching <= most) {
          open(number, row.textContent.toLowerCase().indexOf(wanted) < 0);
        }
      });
      further.hidden = matching <= most;
      found.textContent = matching === rows.length ? rows.length + " steps"
        : matching + " of " + rows.length + " steps";
      mark(wanted);
    }

    function reveal() {
      var row = document.getElementById(location.hash.slice(1));
      var number = rows.indexOf(row);
      if (number < 0) return;
      show(number, true);
      open(number, true);
      row.scrollIntoView({ block: "center" });
      row.querySelector("button").focus({ preventScroll: true });
    }

    document.getElementById("rows").addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (!button) return;
      var number = rows.indexOf(button.closest("tr"));
      open(number, !details[number] || !details[number].classList.contains("open"));
    });
    filters.forEach(function (button) {
      button.addEventListener("click", function () {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
        most = 200;
        apply();
      });
    });
    var waiting;
    search.addEventListener("input", function () {
      clearTimeout(waiting);
      waiting = setTimeout(function () { most = 200; apply(); }, 100);
    });
    further.addEventListener("click", function () { most += 1000; apply(); });
    addEventListener("hashchange", reveal);
    var graph = document.querySelector(".scroll");
    graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;
    rows.forEach(function (row, number) {
      var button = row.querySelector("button");
      if (details[number]) button.setAttribute("aria-expanded", "false");
      else button.disabled = true;
    });
    apply();
    document.getElementById("rows").className = "ready";
    reveal();
  }

  addEventListener("DOMContentLoaded", start);
})();
