/// The page's style sheet: light and dark by the reader's setting, light in print.
enum ReportStyle {
    static let css: Markup = """
        :root {
          --page: #fdfdfc; --ink: #1c1e21; --muted: #5a6068; --rule: #d9d9d4; --grid: #e9e9e5; --panel: #f4f4f0;
          --link: #1f5a96;
          --c0: #0068a8; --c1: #c44f00; --c2: #00805c; --c3: #9c4281; --c4: #7a6200; --c5: #4a5560;
          --h0: #eff2f4; --h1: #dfe8ef; --h2: #c9dbe9; --h3: #adcbe1; --h4: #8bb6d6; --h5: #669fc8; --h6: #4585b6;
          --h7: #2a6a9e; --h8: #174f81; --h9: #0a335c; --dot: #ffb454;
          --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Georgia, "Liberation Serif",
            serif;
          --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
        }
        @media screen and (prefers-color-scheme: dark) {
          :root {
            --page: #16181b; --ink: #e6e6e3; --muted: #a2a8af; --rule: #3a3e44; --grid: #2a2e33; --panel: #1e2125;
            --link: #8dbbe8;
            --c0: #5fb2ee; --c1: #f0913f; --c2: #3fc79a; --c3: #e08fc4; --c4: #dcc24a; --c5: #b4bec8;
            --h0: #20252b; --h1: #22303d; --h2: #253d52; --h3: #294c6a; --h4: #2f5d84; --h5: #3b729f; --h6: #4f8abb;
            --h7: #6ea4d0; --h8: #93bfe2; --h9: #c0dcf1; --dot: #d9480f;
          }
        }
        * { box-sizing: border-box; }
        html { background: var(--page); color: var(--ink); -webkit-text-size-adjust: 100%; }
        body { max-width: 72rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; font: 1.0625rem/1.55 var(--serif); }
        header { border-bottom: 1px solid var(--rule); padding-bottom: 1.25rem; }
        .kicker { margin: 0; font: 600 0.8rem/1.4 var(--sans); letter-spacing: 0.06em; text-transform: uppercase;
          color: var(--muted); }
        h1 { margin: 0.3rem 0 0.6rem; font-size: 2.1rem; line-height: 1.2; font-weight: 600; overflow-wrap: anywhere; }
        h2 { margin: 3rem 0 0.75rem; font-size: 1.45rem; line-height: 1.25; font-weight: 600; }
        h3 { margin: 1.75rem 0 0.5rem; font: 600 0.95rem/1.4 var(--sans); }
        p { max-width: 44rem; margin: 0.5rem 0 1rem; }
        code { font: 0.88em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
          background: var(--panel); padding: 0.1em 0.3em; border-radius: 3px; }
        a { color: var(--link); text-underline-offset: 0.15em; }
        nav ul, .legend { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; }
        nav, .legend, .scale, table, details, .note, .absent { font-family: var(--sans); font-size: 0.84rem;
          line-height: 1.45; }
        .note { color: var(--muted); max-width: 52rem; }
        .absent { border-left: 3px solid var(--rule); padding: 0.15rem 0 0.15rem 0.9rem; color: var(--muted); }
        figure { margin: 1.5rem 0 2.5rem; }
        figcaption { max-width: 44rem; margin-top: 0.6rem; font-size: 0.95rem; line-height: 1.5; }
        .legend { margin-bottom: 0.9rem; }
        .legend li { display: flex; align-items: center; gap: 0.45rem; }
        .panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr));
          gap: 1rem 1.5rem; }
        .panels.wide { grid-template-columns: minmax(0, 1fr); }
        .panels.pairs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
        .panels > div { min-width: 0; display: flex; flex-direction: column; justify-content: flex-end; }
        .panels svg:not(.bar) { display: block; width: 100%; max-width: 28rem; height: auto; }
        svg text { font: 11px var(--sans); fill: var(--muted); }
        .panel-title { margin: 0 0 0.3rem; font: 600 0.8rem/1.35 var(--sans); overflow-wrap: anywhere; }
        svg .tick { font-size: 10px; font-variant-numeric: tabular-nums; }
        .grid { stroke: var(--grid); fill: none; }
        .axis { stroke: var(--muted); fill: none; }
        .reference { stroke: var(--muted); stroke-dasharray: 2 3; fill: none; }
        .line { fill: none; stroke-width: 1.4; stroke-linejoin: round; }
        .line.s0 { stroke-width: 2.8; } .line.s1 { stroke-width: 2; } .line.dashed { stroke-width: 1.5; }
        .line.dashed { stroke-dasharray: 5 3.5; }
        .mark { stroke-width: 1.5; }
        .mark.dashed { fill: var(--page); }
        .band { stroke: none; opacity: 0.14; }
        .whisker { fill: none; stroke-width: 5; opacity: 0.25; }
        .target { fill: transparent; }
        .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); }
        .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); }
        .band.s0, .mark.s0:not(.dashed) { fill: var(--c0); } .band.s1, .mark.s1:not(.dashed) { fill: var(--c1); }
        .band.s2, .mark.s2:not(.dashed) { fill: var(--c2); } .band.s3, .mark.s3:not(.dashed) { fill: var(--c3); }
        .band.s4, .mark.s4:not(.dashed) { fill: var(--c4); } .band.s5, .mark.s5:not(.dashed) { fill: var(--c5); }
        .shade0 { fill: var(--h0); } .shade1 { fill: var(--h1); } .shade2 { fill: var(--h2); }
        .shade3 { fill: var(--h3); } .shade4 { fill: var(--h4); } .shade5 { fill: var(--h5); }
        .shade6 { fill: var(--h6); } .shade7 { fill: var(--h7); } .shade8 { fill: var(--h8); }
        .shade9 { fill: var(--h9); }
        .dot { fill: var(--dot); pointer-events: none; }
        .swatch { width: 30px; height: 12px; flex: none; }
        .swatch.cell { width: 14px; height: 14px; outline: 1px solid var(--rule); }
        .scale { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.75rem; margin-bottom: 0.9rem; }
        .scale svg { width: 26rem; max-width: 100%; height: auto; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 0.28rem 0.9rem 0.28rem 0; text-align: right; white-space: nowrap; font-weight: 400; }
        th:last-child, td:last-child { padding-right: 0; }
        thead th { border-bottom: 1px solid var(--muted); font-weight: 600; vertical-align: bottom; }
        tbody tr + tr > * { border-top: 1px solid var(--grid); }
        th.name, td.name { text-align: left; }
        .overview th, .overview td { padding-right: 0.7rem; }
        .settings td { white-space: normal; vertical-align: top; }
        .settings td:first-child { color: var(--muted); white-space: nowrap; }
        .bars { width: 100%; table-layout: fixed; min-width: 48rem; }
        .bars th[scope="row"], .bars th:first-child { text-align: left; width: 22%; overflow: hidden;
          text-overflow: ellipsis; }
        .bars thead th.share { text-align: left; }
        .bars thead th:last-child, .bars td:last-child { width: 4.5rem; }
        .bars td.share span { display: inline-block; width: 2.3rem; text-align: left; padding-left: 0.4rem; }
        .bar { display: inline-block; width: calc(100% - 2.4rem); height: 0.6rem; vertical-align: baseline; }
        .track { fill: var(--grid); }
        .fill { fill: var(--c0); }
        .total > * { border-top-color: var(--muted) !important; font-weight: 600; }
        details { margin-top: 0.6rem; }
        summary { cursor: pointer; color: var(--link); }
        details[open] > summary { margin-bottom: 0.5rem; }
        footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--muted);
          font: 0.84rem/1.5 var(--sans); }
        @media (max-width: 40rem) {
          body { padding: 1.5rem 1rem 3rem; font-size: 1rem; }
          h1 { font-size: 1.6rem; }
        }
        @media print {
          @page { margin: 16mm 14mm; }
          :root { --page: #fff; }
          html { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          body { max-width: none; padding: 0; }
          nav, details:not([open]) { display: none; }
          h2, h3 { break-after: avoid; }
          h2 { margin-top: 1.6rem; }
          .panels { grid-template-columns: repeat(3, 1fr); gap: 0.6rem 0.8rem; }
          .panels.pairs { grid-template-columns: repeat(2, 1fr); }
          figure, .panels > div, figcaption, tr { break-inside: avoid; }
          .legend, .scale { break-after: avoid; }
          figure { margin: 0.8rem 0 1.4rem; }
          figcaption { break-before: avoid; }
          .scroll { overflow: visible; }
          th, td { padding-right: 0.6rem; }
          .bars { min-width: 0; }
          table { font-size: 0.78rem; }
          a { color: inherit; text-decoration: none; }
        }
        """
}
