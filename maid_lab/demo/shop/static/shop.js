// Puts a product into a cart that lives in this browser only, and shows how many are in it.
(() => {
  const key = "demo-shop-cart";
  const read = () => JSON.parse(localStorage.getItem(key) || "[]");
  const nav = document.querySelector("header nav");
  const count = document.createElement("span");
  count.className = "count";
  const show = () => { count.textContent = `Cart: ${read().length}`; };
  nav.append(count);
  show();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-sku]");
    if (!button) return;
    localStorage.setItem(key, JSON.stringify([...read(), button.dataset.sku]));
    button.textContent = "In the cart";
    show();
  });
})();
